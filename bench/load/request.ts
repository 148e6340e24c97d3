import type { CommandKind } from "../profiles/profile.ts";

/** One message of a load, on its way from being due to being answered. */
export interface Request {
  readonly kind: CommandKind;
  /** Number of commands, or of wallets to read. */
  readonly count: number;
  /** When it was meant to leave, on the clock of the generator. */
  readonly dueMs: number;
  /** When it left, on the same clock. */
  sentMs: number;
  /** The stage in which it was due. */
  readonly stage: number;
  /** Command records back to back; of reads, wallet ids. */
  readonly records: Uint8Array;
  /** By command: index of the wallet debited, held or read, and of the one credited. */
  readonly from: Uint32Array;
  readonly to: Uint32Array;
  readonly amountMinor: Float64Array;
}

/** A hold that this run has placed and not closed yet. */
export interface OpenHold {
  readonly id: Uint8Array;
  readonly from: number;
  readonly to: number;
  readonly amountMinor: number;
}

/** Bytes of one record of a request. */
export function recordBytesOf({ records, count }: Request): number {
  return records.byteLength / count;
}
