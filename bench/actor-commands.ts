/** Rows of commands on payments and medical cards, alone and mixed with transfers. */

import { ACTOR_RECORD, ACTOR_RESULT, paddedTextBytes } from "../protocol/actor-record.ts";
import { codeName } from "../protocol/codes.ts";
import { formatUuid, UuidV7 } from "../protocol/ids.ts";
import { ACTOR_COMMANDS_PER_FRAME_MAX } from "../protocol/limits.ts";
import { FRAME_TYPE } from "../protocol/wire-frame.ts";
import { type Ledger, readSums } from "./ledger.ts";
import { LedgerClient } from "./ledger-client.ts";
import type { Mix } from "./load/workload.ts";
import type { Measurement } from "./row-result.ts";
import { measurementOf, type Run } from "./run.ts";
import { readTotals } from "./wallets.ts";
import { SHAPES } from "./workloads.ts";

const DAY_MS = 86_400_000;
const LIMIT_MINOR = 2 ** 50;

/**
 * Sends a mix of commands to a ledger of one shard, and holds its books: no wallet has changed more or less often than the answers
 * say, and together the wallets hold what they held.
 */
export async function measureActors(run: Run, mix: Mix): Promise<Measurement> {
  const ledger = await run.ledger(1);
  const client = await LedgerClient.open(ledger.endpoint);
  try {
    const shape = SHAPES.actors;
    const cards = await issueCards(client, ledger, shape.connections * shape.depth * mix.claims);
    const before = await readTotals(client, ledger.wallets);
    const commandsPerMessage = mix.transfers + mix.payments + mix.claims;
    const outcome = await run.load({ ...shape, mix, cards, commandsPerMessage }, ledger, ledger.wallets);
    const after = await readTotals(client, ledger.wallets);
    await ledger.noteTotals();
    const failure = await faultOf(outcome, before, after, ledger);
    return { ...measurementOf(outcome, failure), notes: [notes(mix)] };
  } finally {
    client.close();
  }
}

async function faultOf(
  { rejectedTotal, firstRejection, acceptedVersions }: Awaited<ReturnType<Run["load"]>>,
  before: Awaited<ReturnType<typeof readTotals>>,
  after: Awaited<ReturnType<typeof readTotals>>,
  { endpoint }: Ledger,
): Promise<string | null> {
  if (rejectedTotal > 0) return `${rejectedTotal} commands were rejected: ${firstRejection}`;
  const applied = after.versions - before.versions;
  if (applied !== acceptedVersions) return `wallets changed ${applied} times, by the answers ${acceptedVersions}`;
  if (after.postedMinor !== before.postedMinor) return "the wallets together hold another sum than before";
  const sums = await readSums(endpoint);
  return sums.length > 0 && sums.every((sum) => sum === "0") ? null : "the trial balance is not zero";
}

function notes({ transfers, payments, claims }: Mix): string {
  const parts = [
    [transfers, "transfers"],
    [payments, "of payments (initiate, authorize, capture)"],
    [claims, "claims of three transfers"],
  ] as const;
  return parts
    .filter(([count]) => count > 0)
    .map(([count, name]) => `${count} ${name}`)
    .join(", ");
}

/** Issues and activates cards whose wallets are those of the ledger; a card's holder has its id. Returns the ids, 16 bytes each. */
async function issueCards(client: LedgerClient, { wallets }: Ledger, count: number): Promise<Uint8Array> {
  const ids = new UuidV7();
  const cards = new Uint8Array(count * 16);
  for (let card = 0; card < count; card += 1) ids.write(cards, card * 16);
  const expiresAt = new Date(Date.now() + 400 * DAY_MS).toISOString();
  // Those of the second half are pharmacies.
  const half = wallets.byteLength / 32;
  const wallet = (index: number): string => formatUuid(wallets, (index % half) * 16);
  for (let first = 0; first < count; first += ACTOR_COMMANDS_PER_FRAME_MAX / 2) {
    const records: Uint8Array[] = [];
    for (let card = first; card < Math.min(count, first + ACTOR_COMMANDS_PER_FRAME_MAX / 2); card += 1) {
      const id = cards.subarray(card * 16, card * 16 + 16);
      const issue = {
        type: "IssueCard",
        holderId: formatUuid(id),
        tier: "SILVER",
        currency: "EUR",
        fundingWalletId: wallet(3 * card),
        holderWalletId: wallet(3 * card + 1),
        clearingWalletId: wallet(3 * card + 2),
        monthlyLimitMinor: LIMIT_MINOR,
        expiresAt,
      };
      records.push(record(ids, id, issue), record(ids, id, { type: "ActivateCard" }));
    }
    const results = Buffer.from(await client.request(FRAME_TYPE.ActorCommands, records.length, Buffer.concat(records)));
    for (let at = 0; at < records.length * ACTOR_RESULT.state; at += ACTOR_RESULT.state) {
      const code = results.readUInt16LE(at);
      if (code !== 0) throw new Error(`a card was refused: ${codeName(code)}`);
    }
  }
  return cards;
}

function record(ids: UuidV7, actorId: Uint8Array, command: object): Uint8Array {
  const text = Buffer.from(JSON.stringify(command));
  const bytes = Buffer.alloc(ACTOR_RECORD.text + paddedTextBytes(text.byteLength));
  ids.write(bytes, ACTOR_RECORD.id);
  bytes.set(actorId, ACTOR_RECORD.actorId);
  bytes.write("MedCard", ACTOR_RECORD.actor, "latin1");
  bytes.writeUInt32LE(text.byteLength, ACTOR_RECORD.textBytes);
  bytes.set(text, ACTOR_RECORD.text);
  return bytes;
}
