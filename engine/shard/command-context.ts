import type { FrameBuilder } from "../journal/frame.ts";
import type { Outcome } from "./outcome.ts";
import type { RequestPrincipal } from "./principal.ts";
import type { RecordReader } from "./record-reader.ts";
import type { ShardState } from "./shard-state.ts";
import type { TransferDesk, TransferWaiter } from "./transfer-desk.ts";
import type { UndoLog } from "./undo-log.ts";

/** No slot: the wallet does not exist, or it lies on another shard. */
export const ABSENT = -1;
export const FAR = -2;

/** What those who execute one kind of commands share with the executor: the command at hand and where its effects go. */
export interface CommandContext {
  readonly state: ShardState;
  readonly frame: FrameBuilder;
  readonly records: RecordReader;
  readonly transfers: TransferDesk;
  readonly outcome: Outcome;
  readonly principal: RequestPrincipal;
  readonly undo: UndoLog;
  readonly shardCount: number;
  /** Whether an actor asks, and not a client. */
  readonly isAsked: boolean;
  /** The slot that takes credits for the wallet whose id stands at a lane: its own, or a stripe; else ABSENT or FAR. */
  findCredit(lanes: Uint32Array, at: number): number;
  /** Called after a wallet changed its status or became striped, so that its stripes follow. */
  stripesChanged(slot: number): void;
  /** Whether the wallet has the version that an extended command expects. */
  isExpectedVersion(lanes: Uint32Array, at: number, slot: number, isExtended: boolean): boolean;
  /** Sequence of the newest reversal of the movement whose id stands at a lane, or 0. */
  findReversal(lanes: Uint32Array, at: number): number;
  linkReversal(lanes: Uint32Array, at: number, sequence: number): void;
  /** Called before a wallet changes. */
  willChange(slot: number): void;
  /** Publishes the state of a wallet after a change, if somebody watches it. */
  publish(slot: number, sequence: number): void;
  /** Who gets the answer where it comes later. */
  waiter(): TransferWaiter;
  /** Defers the answer of a command that began a movement to another shard, and publishes the wallet it changed. */
  deferred(slot: number): void;
  /** Fills the outcome from a wallet that a record changed, and publishes it. */
  changed(slot: number, sequence: number): void;
}
