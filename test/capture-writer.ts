/** A writer that captures and voids holds, over real sockets, and the check that no hold ever gave more than it held. */

import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import { OPERATION, RECORD_OPTION } from "../protocol/command-record.ts";
import type { UuidV7 } from "../protocol/ids.ts";
import { command, encodeCommands, extension, type LedgerCommand } from "./ledger-command.ts";
import { ADMIN_KEY, type LedgerProcess } from "./ledger-process.ts";
import { WireClient, type WireResult } from "./wire-client.ts";
import { endsWithConnection } from "./writers.ts";

const HOLDS_PER_BATCH = 6;
const ACTIONS_PER_BATCH = 10;
const HOLD_MINOR = 100;
const LAPSE_WITHIN_MS = 10_000;

/** A command that was sent, and its answer if one came. */
interface SentCommand {
  readonly command: LedgerCommand;
  result: WireResult | undefined;
}

/** A hold, and everything that was asked of it. */
interface SentHold extends SentCommand {
  readonly actions: SentCommand[];
}

/** Holds of payers, which are captured towards payees: here or on other shards, in parts, twice, and voided. */
export class CaptureStory {
  readonly #payers: readonly string[];
  readonly #payees: readonly string[];
  readonly #ids: UuidV7;
  readonly #random: () => number;
  readonly #holds: SentHold[] = [];
  /** What came since the last `settle`. */
  #unsettled: SentCommand[] = [];

  constructor(wallets: readonly string[], ids: UuidV7, random: () => number) {
    const half = wallets.length >>> 1;
    this.#payers = wallets.slice(0, half);
    this.#payees = wallets.slice(half);
    this.#ids = ids;
    this.#random = random;
  }

  get holds(): number {
    return this.#holds.length;
  }

  /** Places holds and fights over them, until the connection breaks. */
  async write(ledger: LedgerProcess, lapseAtMs: number): Promise<void> {
    await endsWithConnection(async () => {
      const client = await WireClient.connect(ledger.port, ADMIN_KEY);
      for (;;) {
        const placed = Array.from({ length: HOLDS_PER_BATCH }, (): SentHold => this.#place(lapseAtMs));
        this.#holds.push(...placed);
        await this.#send(client, placed);
        // Two batches at once, so that actions on the same hold meet.
        const batches = [0, 1].map(() => Array.from({ length: ACTIONS_PER_BATCH }, () => this.#act(placed)));
        const sent = await Promise.allSettled(batches.map((batch) => this.#send(client, batch)));
        for (const one of sent) if (one.status === "rejected") throw one.reason;
      }
    });
  }

  /** Sends everything again: what was answered must be answered alike, what was not must come to an answer now. */
  async settle(ledger: LedgerProcess): Promise<void> {
    const client = await WireClient.connect(ledger.port, ADMIN_KEY);
    let open = this.#unsettled;
    while (open.length > 0) {
      const results = await client.records(encodeCommands(open.map(({ command }) => command)), open.length);
      for (const [index, result] of results.entries()) {
        const sent = open[index];
        if (sent.result !== undefined) expect(result).toEqual({ ...sent.result, replayed: true });
        else if (isDecided(result)) sent.result = result;
      }
      open = open.filter(({ result }) => result === undefined);
    }
    this.#unsettled = [];
    client.close();
  }

  /** Checks what each hold gave, and that balances and what is held follow from it; moves the balances. */
  async check(ledger: LedgerProcess, openingMinor: number): Promise<Map<string, number>> {
    const balances = new Map([...this.#payers, ...this.#payees].map((id) => [id, openingMinor]));
    const held = new Map(this.#payers.map((id) => [id, 0]));
    const add = (sums: Map<string, number>, id: string, minor: number): void => {
      sums.set(id, (sums.get(id) ?? 0) + minor);
    };
    for (const { command, result, actions } of this.#holds) {
      if (result?.code !== "ok") continue;
      const done = actions.filter(({ result }) => result?.code === "ok");
      const captured = done.reduce((sum, { command }) => sum + Number(command.amountMinor), 0);
      expect(captured).toBeLessThanOrEqual(HOLD_MINOR);
      const ends = done.filter(({ command }) => isEnd(command));
      // A hold may be voided while its final capture is under way to another shard, and the capture still arrives.
      const voids = ends.filter(({ command }) => command.operation === OPERATION.VoidHold);
      expect([voids.length, ends.length - voids.length].every((count) => count <= 1)).toBe(true);
      for (const { command } of done) {
        add(balances, command.walletId, -Number(command.amountMinor));
        add(balances, command.counterpartyId, Number(command.amountMinor));
      }
      const lapsesAtMs = Number(command.extension?.expiresAtMs ?? 0n);
      if (ends.length === 0 && lapsesAtMs === 0) add(held, command.walletId, HOLD_MINOR - captured);
    }
    const client = await WireClient.connect(ledger.port, ADMIN_KEY);
    const deadlineMs = Date.now() + LAPSE_WITHIN_MS;
    const now = async (): Promise<Record<string, number>> =>
      Object.fromEntries((await client.wallets(this.#payers)).map(({ id, heldMinor }) => [id, heldMinor]));
    const expected = Object.fromEntries(held);
    while (!isSame(await now(), expected) && Date.now() < deadlineMs) await delay(20);
    expect(await now()).toEqual(expected);
    client.close();
    for (const id of balances.keys()) if (!this.#payers.includes(id) && !this.#payees.includes(id)) balances.delete(id);
    return balances;
  }

  #place(lapseAtMs: number): SentHold {
    const expiresAtMs = this.#random() < 0.4 ? BigInt(Math.max(lapseAtMs, Date.now() + 5)) : 0n;
    const fields = { id: this.#ids.next(), operation: OPERATION.PlaceHold, walletId: this.#pick(this.#payers) };
    return {
      command: command({ ...fields, amountMinor: BigInt(HOLD_MINOR), extension: extension({ expiresAtMs }) }),
      result: undefined,
      actions: [],
    };
  }

  #act(holds: readonly SentHold[]): SentCommand {
    const hold = this.#pick(holds);
    const { id: targetId, walletId } = hold.command;
    const isVoid = this.#random() < 0.2;
    const options = this.#random() < 0.2 ? RECORD_OPTION.final : 0;
    const id = this.#ids.next();
    const action: SentCommand = {
      command: isVoid
        ? command({ id, operation: OPERATION.VoidHold, walletId, extension: extension({ targetId }) })
        : command({
            id,
            operation: OPERATION.CaptureHold,
            walletId,
            counterpartyId: this.#pick(this.#payees),
            amountMinor: BigInt(10 * (1 + Math.floor(this.#random() * 8))),
            extension: extension({ targetId, options }),
          }),
      result: undefined,
    };
    hold.actions.push(action);
    return action;
  }

  async #send(client: WireClient, batch: readonly SentCommand[]): Promise<void> {
    this.#unsettled.push(...batch);
    const results = await client.records(encodeCommands(batch.map(({ command }) => command)), batch.length);
    for (const [index, result] of results.entries()) if (isDecided(result)) batch[index].result = result;
  }

  #pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.#random() * items.length)];
  }
}

function isDecided({ code }: WireResult): boolean {
  return code !== "in_progress" && code !== "hold_busy";
}

function isEnd({ operation, extension }: LedgerCommand): boolean {
  return operation === OPERATION.VoidHold || extension?.options === RECORD_OPTION.final;
}

function isSame(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): boolean {
  return Object.keys(b).every((key) => a[key] === b[key]);
}
