import { CODE, CODES } from "../../protocol/codes.ts";
import { OPERATION, RECORD, RECORD_FLAG, recordBytesAt } from "../../protocol/command-record.ts";
import { sameId } from "../../protocol/ids.ts";
import {
  FRAME_BYTES_MAX,
  FRAME_HEADER_BYTES,
  JOURNAL_OVERHEAD_BYTES_MAX,
  LINKED_RUN_BYTES_MAX,
  LINKED_RUN_MAX,
} from "../../protocol/limits.ts";
import type { FrameBuilder } from "../journal/frame.ts";
import type { CommandExecutor } from "./command-executor.ts";
import type { DeltaBuffer } from "./delta-buffer.ts";
import type { ShardState } from "./shard-state.ts";

/** Where a linked run lies in a request. */
export interface LinkedRun {
  /** Byte offset of each of its commands. */
  readonly offsets: readonly number[];
  /** Byte offset behind it. */
  readonly end: number;
  /** Most that its records may take in a frame. */
  readonly frameBytes: number;
  /** Why it cannot be executed at all, or `ok`. */
  readonly code: number;
}

const IS_KEPT = new Set<number>(
  Object.values(CODES)
    .filter((facts) => facts.memory === "kept")
    .map((facts) => facts.number),
);

/** Whether the command at a byte offset begins a linked run. */
export function isLinked(bytes: Uint8Array, offset: number): boolean {
  return (bytes[offset + RECORD.flags] & RECORD_FLAG.linked) !== 0;
}

/** Finds the run that begins at a byte offset: up to the first command that is not flagged as linked. */
export function findLinkedRun(bytes: Uint8Array, start: number, end: number): LinkedRun {
  const offsets: number[] = [];
  let at = start;
  let isOpen = true;
  let frameBytes = 0;
  while (isOpen && at < end) {
    offsets.push(at);
    isOpen = isLinked(bytes, at);
    const commandBytes = recordBytesAt(bytes, at, end);
    const records = bytes[at + RECORD.operation] === OPERATION.ExchangeCurrency ? 2 : 1;
    frameBytes += commandBytes + records * JOURNAL_OVERHEAD_BYTES_MAX;
    at += commandBytes;
  }
  const isTooLong =
    offsets.length > LINKED_RUN_MAX ||
    at - start > LINKED_RUN_BYTES_MAX ||
    frameBytes > FRAME_BYTES_MAX - FRAME_HEADER_BYTES;
  const code = isOpen ? CODE.linked_run_open : isTooLong ? CODE.linked_run_too_long : CODE.ok;
  return { offsets, end: at, frameBytes, code };
}

/**
 * Executes a run of commands as one: all are applied, or none.
 *
 * A run that was answered before is answered again as it was. Where a command fails, everything is taken back, the
 * failure is remembered for it and `linked_failed` for the others; a failure that may pass leaves no trace at all.
 *
 * `answer` is called once for each command, in order, after the run is decided.
 */
export function executeLinkedRun(
  run: LinkedRun,
  lanes: Uint32Array,
  bytes: Uint8Array,
  executor: CommandExecutor,
  state: ShardState,
  frame: FrameBuilder,
  deltas: DeltaBuffer,
  answer: (index: number, code: number) => void,
): void {
  const { outcome } = executor;
  const lengthOf = (offset: number): number => recordBytesAt(bytes, offset, run.end);
  if (run.code !== CODE.ok) {
    outcome.clear();
    for (let index = 0; index < run.offsets.length; index += 1) answer(index, run.code);
    return;
  }
  if (state.ids.find(lanes, run.offsets[0] >>> 2) !== 0) {
    answerAgain(run, lanes, bytes, executor, state, answer);
    return;
  }
  const frameLength = frame.length;
  const recordCount = frame.recordCount;
  const deltaCount = deltas.count;
  executor.undo.begin();
  let failedIndex = -1;
  let failure: number = CODE.ok;
  // Details are read off after the whole run, so each result shows the balances right after its own command.
  const results: (() => void)[] = [];
  for (let index = 0; index < run.offsets.length && failedIndex < 0; index += 1) {
    const at = run.offsets[index] >>> 2;
    const isRepeated = run.offsets.slice(0, index).some((earlier) => sameId(lanes, earlier >>> 2, lanes, at));
    const code = isRepeated ? CODE.id_reused : executor.execute(lanes, bytes, at, lengthOf(run.offsets[index]));
    if (code !== CODE.ok || outcome.replayed) {
      failedIndex = index;
      failure = code === CODE.ok ? CODE.id_reused : code;
    } else {
      const { ...copy } = outcome;
      results.push(() => Object.assign(outcome, copy));
    }
  }
  if (failedIndex < 0) {
    executor.endRun(true);
    for (const [index, restore] of results.entries()) {
      restore();
      state.ids.remember(lanes, run.offsets[index] >>> 2, outcome.sequence);
      answer(index, CODE.ok);
    }
    return;
  }
  executor.endRun(false);
  frame.truncate(frameLength, recordCount);
  deltas.truncate(deltaCount);
  for (const [index, offset] of run.offsets.entries()) {
    const code = index === failedIndex ? failure : CODE.linked_failed;
    outcome.clear();
    // Commands behind the failure were not looked at: their ids may be ones that must not be remembered.
    const isNew = state.ids.find(lanes, offset >>> 2) === 0 && executor.decideId(lanes, offset >>> 2) === CODE.ok;
    if (IS_KEPT.has(failure) && isNew) executor.keepRejection(code, lanes, offset >>> 2, lengthOf(offset));
    answer(index, code);
  }
}

function answerAgain(
  run: LinkedRun,
  lanes: Uint32Array,
  bytes: Uint8Array,
  executor: CommandExecutor,
  state: ShardState,
  answer: (index: number, code: number) => void,
): void {
  for (const [index, offset] of run.offsets.entries()) {
    const isKnown = state.ids.find(lanes, offset >>> 2) !== 0;
    executor.outcome.clear();
    const code = isKnown
      ? executor.execute(lanes, bytes, offset >>> 2, recordBytesAt(bytes, offset, run.end))
      : CODE.linked_failed;
    answer(index, code);
  }
}
