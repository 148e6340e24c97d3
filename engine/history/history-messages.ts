import type { SettlementTotals } from "../merchant/settlement-totals.ts";
import type { HoldEnd } from "./hold-end.ts";
import type { SagaStory } from "./saga-story.ts";
import type { Transaction } from "./transaction.ts";
import type { BalanceThen, HistoryRefusal, PageAsked, WalletAsked } from "./wallet-history.ts";

/** What the history thread is asked. `number` comes back with the answer. */
export type HistoryQuestion =
  | { readonly type: "page"; readonly asked: PageAsked }
  /** By a time or a sequence. */
  | { readonly type: "balanceAt"; readonly asked: WalletAsked; readonly timeMs?: number; readonly sequence?: number }
  /** `placed` is the sequence of the record that placed the hold. */
  | { readonly type: "holdEnd"; readonly asked: WalletAsked; readonly holdId: string; readonly placed: number }
  /** What happened to the saga of a command, from its newest record back. */
  | { readonly type: "saga"; readonly id: string; readonly newest: number }
  /** What happened to a merchant's wallet behind one record and through another, added up; some of it at a time. */
  | {
      readonly type: "settlement";
      readonly asked: WalletAsked;
      readonly merchantId: string;
      readonly after: number;
      readonly through: number;
    }
  /** Some lines of a statement, oldest first; `through` is the wallet's newest record that counts, where one was named. */
  | {
      readonly type: "statementPart";
      readonly asked: WalletAsked;
      readonly fromMs: number;
      readonly toMs: number;
      readonly through?: number;
      readonly from: number;
      readonly count: number;
    }
  /** Opens a statement; its lines are fetched with `lines`, and `endStatement` forgets it. */
  | { readonly type: "statement"; readonly asked: WalletAsked; readonly fromMs: number; readonly toMs: number }
  | { readonly type: "lines"; readonly statement: number; readonly from: number; readonly count: number }
  | { readonly type: "endStatement"; readonly statement: number }
  /** The first frame that was decided after a time, or the one with a record where that comes before. */
  | { readonly type: "frameSince"; readonly sinceMs: number; readonly through: number }
  /** Frames from the one that begins with a record on, none that begins after another one. */
  | { readonly type: "frames"; readonly from: number; readonly through: number };

export interface HistoryRequest {
  readonly number: number;
  readonly shard: number;
  readonly question: HistoryQuestion;
}

/** A statement that was opened. */
export interface OpenedStatement {
  readonly statement: number;
  readonly opening: BalanceThen | null;
  readonly closing: BalanceThen | null;
  readonly lines: number;
}

/** A part of a statement. */
interface StatementPart {
  readonly opening: BalanceThen | null;
  readonly closing: BalanceThen | null;
  readonly transactions: string;
  /** Line to go on with; 0 at the end. */
  readonly next: number;
}

export type HistoryAnswer =
  /** `transactions` is the JSON of an array: a text goes from thread to thread at a tenth of the cost of objects. */
  | { readonly type: "page"; readonly transactions: string; readonly next: number }
  | { readonly type: "balance"; readonly balance: BalanceThen | null }
  | { readonly type: "holdEnd"; readonly end: HoldEnd | null }
  | { readonly type: "saga"; readonly story: SagaStory | null }
  | { readonly type: "statement"; readonly statement: OpenedStatement }
  /** `transactions` as of a page. */
  | { readonly type: "statementPart"; readonly statement: StatementPart }
  | { readonly type: "lines"; readonly lines: readonly Transaction[] }
  /** `next` is where to go on; 0 at the end. */
  | { readonly type: "settlement"; readonly totals: SettlementTotals; readonly next: number }
  | { readonly type: "ended" }
  | { readonly type: "frameSince"; readonly firstSequence: number }
  /** Back to back; none where there are no more. */
  | { readonly type: "frames"; readonly bytes: Uint8Array<ArrayBuffer>; readonly nextSequence: number }
  | { readonly type: "refused"; readonly code: HistoryRefusal | "history_expired" | "overloaded" }
  /** A defect, or a journal that cannot be read. */
  | { readonly type: "failed"; readonly message: string };

export interface HistoryReply {
  readonly number: number;
  readonly answer: HistoryAnswer;
}
