/** Streams of actors over mizan.json.v1 of a real ledger of two shards: what readers are told, whom, and after breaks. */

import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { actorsMessage } from "../../protocol/json-stream.ts";
import { JsonSocket } from "../../test/json-socket.ts";
import { LedgerProcess } from "../../test/ledger-process.ts";
import { MedCardParty } from "../../test/medcard-party.ts";

type Step = ReturnType<typeof actorsMessage.parse>["steps"][number];

let ledger: LedgerProcess;
let party: MedCardParty;
beforeAll(async () => {
  ledger = await LedgerProcess.create({ MIZAN_SHARDS: "2" });
  await ledger.start();
  party = await MedCardParty.meet(ledger);
});
afterAll(async () => {
  party.leave();
  await ledger.dispose();
});

const sockets: JsonSocket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.close();
});

async function open(key?: string): Promise<JsonSocket> {
  const socket = await JsonSocket.open(ledger.url, "", key);
  sockets.push(socket);
  return socket;
}

function onCard(type: string, actorId: string, more: object = {}): object {
  return { type, topic: "actor", actor: "MedCard", actorId, ...more };
}

function stepsOf({ messages }: JsonSocket): Step[] {
  return messages.filter(({ type }) => type === "Actors").flatMap((message) => actorsMessage.parse(message).steps);
}

async function stepsUntil(socket: JsonSocket, version: number): Promise<Step[]> {
  while ((stepsOf(socket).at(-1)?.version ?? 0) < version) await delay(5);
  return stepsOf(socket);
}

async function versionOf(cardId: string): Promise<number> {
  const { json } = await party.get(`/medcards/${cardId}/analytics`);
  return json.version as number;
}

/** Each change begins where the one before it ended. */
function expectNoGap(steps: readonly Step[]): void {
  for (const [index, { kind, previousVersion }] of steps.entries()) {
    if (index > 0) expect([kind, previousVersion]).toEqual(["change", steps[index - 1].version]);
  }
}

test("a reader gets the state first, then each change, with version and position", async () => {
  const card = await party.issue();
  const reader = await open(party.holder.key);
  expect(await reader.ask(onCard("Subscribe", card))).toMatchObject({ ok: true });
  await party.claim(card, 1_000);
  const steps = await stepsUntil(reader, await versionOf(card));
  expect(steps[0]).toMatchObject({
    kind: "state",
    actor: "MedCard",
    actorId: card,
    version: 2,
    state: { status: "ACTIVE" },
  });
  expect(steps[0].state).not.toHaveProperty("spend");
  expect(steps[0].state).not.toHaveProperty("id");
  expectNoGap(steps);
  const claims = steps.map(
    ({ state }) => (state?.prescriptions as readonly { readonly status: string }[])?.[0]?.status,
  );
  expect([claims[0], claims[1], claims.at(-1)]).toEqual([undefined, "CLAIMED", "PAID"]);
  expect(steps.map(({ position }) => position).join()).toMatch(/^[01]:\d+(,[01]:\d+)+$/);
  expect(await reader.ask(onCard("Unsubscribe", card))).toMatchObject({ ok: true });
  await party.command(card, { type: "SuspendCard", reason: "lost" });
  await reader.ask({ type: "Ping" });
  expect(stepsOf(reader)).toHaveLength(steps.length);
});

test("who takes the whole state sees what the card has spent, as it is spent", async () => {
  const card = await party.issue();
  const reader = await open();
  await reader.ask(onCard("Subscribe", card, { whole: true }));
  await party.claim(card, 500);
  const last = (await stepsUntil(reader, await versionOf(card))).at(-1);
  expect(last).toMatchObject({
    whole: true,
    state: { spend: [{ claims: 1, coveredMinor: 400, copaymentMinor: 100 }] },
  });
});

test("payments are streamed, too", async () => {
  const [reader, id] = [await open(), party.newId()];
  const initiated = { type: "InitiatePayment", payerWalletId: party.pharmacy, merchantWalletId: party.otherPharmacy };
  const sent = { type: "ActorCommand", actor: "Payment", actorId: id };
  await reader.ask({ ...sent, id: party.newId(), command: { ...initiated, amountMinor: 5, currency: "EGP" } });
  await reader.ask({ type: "Subscribe", topic: "actor", actor: "Payment", actorId: id });
  await reader.ask({ ...sent, id: party.newId(), command: { type: "FailPayment", reason: "abandoned" } });
  expect((await stepsUntil(reader, 2)).map(({ state }) => state?.status)).toEqual(["INITIATED", "FAILED"]);
});

test("only who may see an actor follows it", async () => {
  const card = await party.issue();
  const stranger = await open(party.stranger.key);
  expect(await stranger.ask(onCard("Subscribe", card))).toMatchObject({ ok: false, error: { code: "forbidden" } });
  expect(await stranger.ask(onCard("Subscribe", party.newId()))).toMatchObject({
    error: { code: "medcard_not_found" },
  });
  for (const actor of ["Pigeon", "Person"]) {
    const answer = await stranger.ask({ type: "Subscribe", topic: "actor", actor, actorId: card });
    expect(answer).toMatchObject({ ok: false, error: { code: "unknown_operation" } });
  }
  expect(await stranger.ask(onCard("Subscribe", card, { fromVersion: -1 }))).toMatchObject({
    error: { code: "invalid_request", field: "fromVersion" },
  });
  await party.command(card, { type: "SuspendCard", reason: "lost" });
  await stranger.ask({ type: "Ping" });
  expect(stepsOf(stranger)).toEqual([]);
});

test("a reader that comes back gets what it missed, and after a restart the state, marked as such", async () => {
  const card = await party.issue();
  const first = await open();
  await first.ask(onCard("Subscribe", card));
  await stepsUntil(first, 2);
  first.close();
  await party.claim(card, 100);
  await party.command(card, { type: "SuspendCard", reason: "lost" });
  const missed = await versionOf(card);
  const second = await open();
  await second.ask(onCard("Subscribe", card, { fromVersion: 2 }));
  const steps = await stepsUntil(second, missed);
  expect(steps[0]).toMatchObject({ kind: "change", previousVersion: 2 });
  expectNoGap(steps);
  const third = await open();
  await third.ask(onCard("Subscribe", card, { fromVersion: missed }));
  await party.command(card, { type: "ReactivateCard" });
  expect(await stepsUntil(third, missed + 1)).toMatchObject([{ kind: "change", version: missed + 1 }]);
  await ledger.end("SIGKILL");
  await ledger.start();
  const fourth = await open();
  await fourth.ask(onCard("Subscribe", card, { fromVersion: missed }));
  expect(await stepsUntil(fourth, missed + 1)).toMatchObject([
    { kind: "state", version: missed + 1, reset: true, state: { status: "ACTIVE" } },
  ]);
  const fifth = await open();
  await fifth.ask(onCard("Subscribe", card, { fromVersion: missed + 1 }));
  await party.command(card, { type: "CloseCard", reason: "done" });
  expect(await stepsUntil(fifth, missed + 2)).toMatchObject([{ kind: "change", version: missed + 2 }]);
});
