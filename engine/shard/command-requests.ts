import { CODE } from "../../protocol/codes.ts";
import { OPERATION, RECORD, recordBytesAt } from "../../protocol/command-record.ts";
import { JOURNAL_OVERHEAD_BYTES_MAX } from "../../protocol/limits.ts";
import type { FrameBuilder } from "../journal/frame.ts";
import { NARROW_MAX, REJECTION_HEADER_BYTES } from "../journal/record.ts";
import { ENTRY_HEADER_BYTES, REQUEST, REQUEST_FLAG } from "../port/entries.ts";
import type { RingReader } from "../port/ring.ts";
import { COMMAND_FRAME_BYTES_MAX, type CommandExecutor } from "./command-executor.ts";
import type { DeltaBuffer } from "./delta-buffer.ts";
import { executeLinkedRun, findLinkedRun, isLinked } from "./linked-run.ts";
import type { ResultsWriter } from "./results-writer.ts";

export interface CommandRequestHooks {
  /** Commits early, where the frame could not take what comes next; the answers stay hidden. */
  readonly commit: () => void;
  /** Commits, and shows the answers of earlier requests. */
  readonly flush: () => void;
}

/** Takes requests of commands apart, and has each command, or linked run of them, executed and answered. */
export class CommandRequests {
  readonly #executor: CommandExecutor;
  readonly #frame: FrameBuilder;
  readonly #deltas: DeltaBuffer;
  readonly #results: ResultsWriter;
  readonly #hooks: CommandRequestHooks;

  constructor(
    executor: CommandExecutor,
    frame: FrameBuilder,
    deltas: DeltaBuffer,
    results: ResultsWriter,
    hooks: CommandRequestHooks,
  ) {
    this.#executor = executor;
    this.#frame = frame;
    this.#deltas = deltas;
    this.#results = results;
    this.#hooks = hooks;
  }

  /** Executes the commands of the request at an offset. */
  execute({ lanes, bytes }: RingReader, offset: number): void {
    const head = offset >>> 2;
    const count = lanes[head + REQUEST.count];
    const payloadBytes = lanes[head + REQUEST.payloadBytes];
    const flags = lanes[head + REQUEST.flags];
    // A request that shares a frame only in part would hold back the answers before it.
    if (this.#frame.recordCount > 0 && !this.#frame.fits(payloadBytes + 8 * count)) this.#hooks.flush();
    const executor = this.#executor;
    const results = this.#results;
    const token = lanes[head + REQUEST.token];
    results.begin(token, count, (flags & REQUEST_FLAG.details) !== 0);
    executor.principal.load(lanes, head);
    executor.timeOrderedIds = (flags & REQUEST_FLAG.timeOrderedIds) !== 0;
    executor.token = token;
    const overheadBytes = executor.shardCount > 1 ? COMMAND_FRAME_BYTES_MAX : JOURNAL_OVERHEAD_BYTES_MAX;
    const end = offset + ENTRY_HEADER_BYTES + payloadBytes;
    let at = offset + ENTRY_HEADER_BYTES;
    for (let index = 0; index < count; ) {
      if (isLinked(bytes, at)) {
        const run = findLinkedRun(bytes, at, end);
        this.#makeRoom(run.code === CODE.ok ? run.frameBytes : 0);
        const first = index;
        executeLinkedRun(run, lanes, bytes, executor, executor.state, this.#frame, this.#deltas, (i, code) =>
          results.write(first + i, code, bytes[run.offsets[i] + RECORD.operation]),
        );
        index += run.offsets.length;
        at = run.end;
        continue;
      }
      const commandBytes = recordBytesAt(bytes, at, end);
      const operation = bytes[at + RECORD.operation];
      const isMovement = operation <= OPERATION.Debit;
      const records = operation === OPERATION.ExchangeCurrency ? 2 : 1;
      this.#makeRoom(
        commandBytes + (isMovement && this.#isNarrow() ? REJECTION_HEADER_BYTES : records * overheadBytes),
      );
      executor.index = index;
      results.write(index, executor.execute(lanes, bytes, at >>> 2, commandBytes), operation);
      index += 1;
      at += commandBytes;
    }
    results.end();
  }

  /** Answers the request at an offset although the shard does not lead. */
  refuse({ lanes, bytes }: RingReader, offset: number): void {
    const head = offset >>> 2;
    const count = lanes[head + REQUEST.count];
    let at = offset + ENTRY_HEADER_BYTES;
    const end = at + lanes[head + REQUEST.payloadBytes];
    this.#executor.outcome.clear();
    this.#results.begin(lanes[head + REQUEST.token], count, (lanes[head + REQUEST.flags] & REQUEST_FLAG.details) !== 0);
    for (let index = 0; index < count; index += 1) {
      this.#results.write(index, CODE.not_leader, bytes[at + RECORD.operation]);
      at += recordBytesAt(bytes, at, end);
    }
    this.#results.end();
  }

  #makeRoom(recordBytes: number): void {
    if (!this.#frame.fits(recordBytes) || !this.#deltas.hasRoom()) this.#hooks.commit();
  }

  /** Whether a movement surely takes no more room than its command, or than the rejection of it. */
  #isNarrow(): boolean {
    const { shardCount, state } = this.#executor;
    return shardCount === 1 && this.#frame.nextSequence <= NARROW_MAX && !state.wallets.mayWiden;
  }
}
