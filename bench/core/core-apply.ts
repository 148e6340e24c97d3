import { genesisHash } from "../../engine/journal/frame.ts";
import type { Journal } from "../../engine/journal/journal.ts";
import { ENTRY_HEADER_BYTES, REQUEST_FLAG, REQUEST_KIND } from "../../engine/port/entries.ts";
import { RingReader, RingWriter } from "../../engine/port/ring.ts";
import { createShardPortMemory, type Principal, ShardPort } from "../../engine/port/shard-port.ts";
import { ShardCore } from "../../engine/shard/shard-core.ts";
import { ShardState } from "../../engine/shard/shard-state.ts";
import { createStatsMemory } from "../../engine/shard/shard-stats.ts";
import { encodeTypeLimits } from "../../gateway/type-limits.ts";
import { codeName } from "../../protocol/codes.ts";
import { UuidV7 } from "../../protocol/ids.ts";
import { COMMANDS_PER_MESSAGE_MAX, RECORD_BYTES } from "../../protocol/limits.ts";
import { RESULT_BYTES } from "../../protocol/result-record.ts";
import type { WalletLimits } from "../../protocol/wallet-limits.ts";
import { CommandIds } from "../load/command-ids.ts";
import { Pairs } from "../load/pairs.ts";
import { renewIds, writeTransfers } from "../load/transfer-records.ts";
import { openWallets } from "../wallets.ts";
import type { CoreOutcome } from "./core-job.ts";
import { sample } from "./sample.ts";

const WALLETS = 10_000;

const ENOUGH = {
  perTransactionMinor: 1e12,
  perDayMinor: 1e15,
  perMonthMinor: 1e15,
  count: { max: 1_000_000, windowMs: 1_000 },
};
/** Limits of every kind, which no run reaches. */
export const LIMITS: WalletLimits = { debit: ENOUGH, credit: ENOUGH };
const MESSAGES = 8;
const ADMIN: Principal = { role: "admin", ownerId: new Uint32Array(4) };

const NO_JOURNAL: Journal = { append: () => {}, frameAt: () => undefined };

/** A shard without its thread and without a disk. */
class BareShard {
  readonly #port: ShardPort;
  readonly #requests: RingReader;
  readonly #core: ShardCore;

  constructor() {
    const memory = createShardPortMemory(4 << 20, 8 << 20);
    const state = new ShardState(
      {
        shard: 0,
        walletsPerShardMax: 1 << 20,
        calendarTimeZone: "UTC",
        holdsPerShardMax: 1_024,
        idempotencyWindowMs: 86_400_000,
        idempotencyIdsMax: 1 << 25,
      },
      genesisHash("bench", 0),
    );
    this.#port = new ShardPort(0, memory);
    this.#requests = new RingReader(memory.requests);
    this.#core = new ShardCore(
      state,
      { shardCount: 1, idFutureSkewMs: 300_000, openTransfersMax: 1_024 },
      {
        journal: NO_JOURNAL,
        replies: new RingWriter(memory.replies),
        stats: new Float64Array(createStatsMemory()),
        nowMs: Date.now,
        wakeGateway: () => {},
        sendToPeer: () => {},
      },
    );
  }

  /** Queues command records as one request. */
  offer(records: Uint8Array): void {
    const count = records.byteLength / RECORD_BYTES;
    const flags = REQUEST_FLAG.timeOrderedIds;
    if (!this.#port.send(REQUEST_KIND.Commands, 1, count, flags, ADMIN, records)) throw new Error("the ring is full");
    this.#port.flush();
  }

  /** Sets limits of all the wallets that the run opens. */
  setLimits(limits: WalletLimits): void {
    const id = new UuidV7().next();
    const records = encodeTypeLimits({ id, type: "customer", currency: "EUR", limits }, 1);
    if (!this.#port.send(REQUEST_KIND.Commands, 1, 1, 0, ADMIN, records)) throw new Error("the ring is full");
    this.#port.flush();
    this.work();
    this.takeAnswers(1);
  }

  /** Handles what is queued, as the shard's thread does between two looks at its rings. */
  work(): void {
    for (let offset = this.#requests.next(); offset >= 0; offset = this.#requests.next()) {
      this.#core.handle(this.#requests, offset);
      this.#requests.release(offset);
    }
    this.#core.flush();
  }

  /** Takes the answers, all of which must be `ok`. */
  takeAnswers(count: number): void {
    let taken = 0;
    this.#port.drain(({ bytes }, offset) => {
      for (let i = 0; i < count; i += 1) {
        const at = offset + ENTRY_HEADER_BYTES + i * RESULT_BYTES;
        const code = bytes[at] | (bytes[at + 1] << 8);
        if (code !== 0) throw new Error(`a command was refused: ${codeName(code)}`);
      }
      taken += count;
      return true;
    }, 16);
    if (taken !== count) throw new Error(`${taken} answers instead of ${count}`);
  }
}

/**
 * All that a shard does for full messages of transfers but the disk: find, decide, evolve, remember ids, write the frame
 * and hash it. With `limits`, every wallet has them, on what it pays and on what it gets.
 */
export async function measureApply(measureMs: number, limits?: WalletLimits): Promise<CoreOutcome> {
  const shard = new BareShard();
  const wallets = await openWallets((records) => {
    shard.offer(records);
    shard.work();
    shard.takeAnswers(records.byteLength / RECORD_BYTES);
  }, WALLETS);
  if (limits !== undefined) shard.setLimits(limits);
  const count = COMMANDS_PER_MESSAGE_MAX;
  const pairs = new Pairs(WALLETS, "uniform", 1);
  const messages = Array.from({ length: MESSAGES }, () => {
    const view = new DataView(new ArrayBuffer(count * RECORD_BYTES));
    writeTransfers(view, 0, count, wallets, pairs);
    return view;
  });
  const ids = new CommandIds();
  let turn = 0;
  const options = { timeMs: measureMs, iterations: 1, warmupMs: measureMs / 4, warmupIterations: 1 };
  const { callsPerSecond, latency } = sample("apply", options, () => {
    const message = messages[turn % MESSAGES];
    turn += 1;
    ids.refresh();
    renewIds(message, 0, count, ids);
    shard.offer(new Uint8Array(message.buffer));
    const startedAtMs = performance.now();
    shard.work();
    const overriddenDuration = performance.now() - startedAtMs;
    shard.takeAnswers(count);
    return { overriddenDuration };
  });
  const notes = ["one full message a call, no disk", ...(limits === undefined ? [] : ["eight limits on every wallet"])];
  return { rate: callsPerSecond * count, latency, notes };
}
