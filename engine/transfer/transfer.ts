import type { Code } from "../../protocol/codes.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import type { LimitRefusal } from "../limits/limit-table.ts";
import type { Aggregate } from "../object/aggregate.ts";
import type { TransferBody } from "./transfer-body.ts";

/**
 * A movement between shards, on the shard of the wallet that its command names.
 *
 * INITIATED → DEBITED → CREDITED → COMPLETED, or DEBITED → REFUNDING → FAILED. INITIATED and CREDITED last only inside
 * one frame; a transfer that is COMPLETED or FAILED leaves memory, and its last record answers for it.
 *
 * A reversal takes the money from the other shard first, so it stays INITIATED until that has answered, and a refusal
 * leaves nothing to refund: INITIATED → CREDITED → COMPLETED, or INITIATED → FAILED.
 */
export interface TransferState extends TransferBody {
  readonly status: "INITIATED" | "DEBITED" | "REFUNDING";
  readonly toShard: number;
  /** Number of the transfer among those to the same shard, from 1 on. */
  readonly number: number;
  readonly startedAtMs: number;
  /** Why it is being refunded. */
  readonly code?: Exclude<Code, "ok">;
}

export type TransferCommand =
  | {
      readonly type: "InitiateTransfer";
      readonly body: TransferBody;
      readonly toShard: number;
      readonly number: number;
      readonly reversedMinor?: number;
    }
  | {
      readonly type: "RecordAnswer";
      readonly code: Code;
      readonly creditedPosition: string;
      readonly result: TransferResult;
      /** Whether the wallet can take the amount now; if not, the transfer waits for the next start. */
      readonly canSettle: boolean;
      /** ReverseTransfer that was refused: what of the movement is reversed without it. */
      readonly reversedMinor?: number;
    };

/** The balances that the answer to the client carries, kept so that the same answer can be given again. */
export interface TransferResult {
  readonly postedMinor: number;
  readonly availableMinor: number;
  readonly version: number;
  readonly counterpartyPostedMinor: number;
  readonly counterpartyAvailableMinor: number;
  readonly counterpartyVersion: number;
  /** The limit that refused. */
  readonly limit?: LimitRefusal;
}

export type TransferEvent =
  | {
      readonly type: "TransferInitiated";
      readonly body: TransferBody;
      readonly toShard: number;
      readonly number: number;
      readonly startedAtMs: number;
      /** ReverseTransfer: what of the movement is reversed, this one included. */
      readonly reversedMinor?: number;
    }
  | { readonly type: "TransferCredited"; readonly creditedPosition: string }
  | { readonly type: "TransferRefunding"; readonly code: Exclude<Code, "ok"> }
  /** Ends the transfer, and repeats what an answer to its id needs. */
  | {
      readonly type: "TransferEnded";
      readonly status: "COMPLETED" | "FAILED";
      readonly code: Code;
      readonly body: TransferBody;
      readonly startedAtMs: number;
      readonly creditedPosition?: string;
      readonly result: TransferResult;
      /** ReverseTransfer that was refused: what of the movement is reversed without it. */
      readonly reversedMinor?: number;
    };

/** The saga of a transfer between two shards. */
export const transferAggregate: Aggregate<TransferState, TransferCommand, TransferEvent> = {
  name: "Transfer",

  decide(state, command, { nowMs }) {
    switch (command.type) {
      case "InitiateTransfer": {
        if (state !== undefined) return { code: "in_progress" };
        const { type: _, ...initiated } = command;
        return { code: "ok", events: [{ type: "TransferInitiated", ...initiated, startedAtMs: nowMs }] };
      }
      case "RecordAnswer": {
        // An answer that comes a second time finds the transfer ended.
        if (state === undefined) return { code: "ok", events: [] };
        const { code, creditedPosition, result } = command;
        const ended = {
          type: "TransferEnded",
          code,
          body: bodyOf(state),
          startedAtMs: state.startedAtMs,
          result,
        } as const;
        if (state.operation === "ReverseTransfer" && code !== "ok") {
          const { reversedMinor } = command;
          return {
            code: "ok",
            events: [{ ...ended, status: "FAILED", ...(reversedMinor === undefined ? {} : { reversedMinor }) }],
          };
        }
        if (code !== "ok") {
          const refunding = { type: "TransferRefunding", code } as const;
          return { code: "ok", events: command.canSettle ? [refunding, { ...ended, status: "FAILED" }] : [refunding] };
        }
        if (!command.canSettle) return { code: "ok", events: [] };
        return {
          code: "ok",
          events: [
            { type: "TransferCredited", creditedPosition },
            { ...ended, status: "COMPLETED", creditedPosition },
          ],
        };
      }
      default:
        return unreachable(command);
    }
  },

  evolve(state, event) {
    switch (event.type) {
      case "TransferInitiated": {
        const { body, toShard, number, startedAtMs } = event;
        const status = body.operation === "ReverseTransfer" ? "INITIATED" : "DEBITED";
        return { ...body, status, toShard, number, startedAtMs };
      }
      case "TransferCredited":
        return state;
      case "TransferRefunding":
        if (state === undefined) throw new Error("a transfer is refunded that was never initiated");
        return { ...state, status: "REFUNDING", code: event.code };
      case "TransferEnded":
        return undefined;
      default:
        return unreachable(event);
    }
  },
};

function bodyOf(state: TransferState): TransferBody {
  const {
    status: _status,
    toShard: _toShard,
    number: _number,
    startedAtMs: _startedAtMs,
    code: _code,
    ...body
  } = state;
  return body;
}
