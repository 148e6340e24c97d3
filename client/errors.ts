import type { Code } from "../protocol/codes.ts";

/**
 * Why a call ended without an answer from the ledger, or a subscription ended.
 *
 * Beside the ledger's own codes: `timeout` (no answer in time; the outcome is unknown until the same command id is
 * sent again), `closed` (the client was closed), `unreachable` (no connection could be made), `protocol_violation`
 * (the server sent what the protocol does not know).
 */
export type FailureCode = Exclude<Code, "ok"> | "timeout" | "closed" | "unreachable" | "protocol_violation";

/** The one exception of this package; what the ledger refuses is a value instead (`{ ok: false, code }`). */
export class MizanError extends Error {
  override readonly name = "MizanError";
  readonly code: FailureCode;
  /** Ids of the commands whose outcome is unknown: sending the same commands under them again is safe. */
  readonly commandIds: readonly string[];

  constructor(code: FailureCode, message: string, details: { commandIds?: readonly string[]; cause?: unknown } = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.commandIds = details.commandIds ?? [];
  }
}
