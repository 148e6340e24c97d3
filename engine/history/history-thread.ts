/** The thread that reads wallets' histories from the journal and its archive, so that neither a shard nor the gateway waits. */

import { parentPort, workerData } from "node:worker_threads";
import { unreachable } from "../../protocol/unreachable.ts";
import { yieldToOthers } from "../../snapshots/thread-priority.ts";
import { HistoryExpiredError } from "../journal/journal-files.ts";
import { JournalReader, type JournalReaderOptions } from "../journal/journal-reader.ts";
import { NO_TOTALS, withLine } from "../merchant/settlement-totals.ts";
import type { HistoryAnswer, HistoryQuestion, HistoryReply, HistoryRequest } from "./history-messages.ts";
import { firstFrameSince, framesFrom } from "./journal-part.ts";
import { tellSaga } from "./saga-story.ts";
import { transactionJson } from "./transaction.ts";
import { type StatementOutline, type WalletAsked, WalletHistory } from "./wallet-history.ts";

export interface HistoryThreadData {
  readonly journals: readonly JournalReaderOptions[];
}

/** Lines of a batch that are added up before others get their turn. */
const SETTLEMENT_LINES = 20_000;
/** Statements being read at once; each holds up to eight bytes a line. */
const STATEMENTS_MAX = 16;
/** A statement that nobody reads on is forgotten after this long, when another one is asked for. */
const STATEMENT_IDLE_MS = 60_000;

interface OpenStatement {
  readonly asked: WalletAsked;
  readonly outline: StatementOutline;
  usedMs: number;
}

/** Whoever reads what happened gives way to what happens. */
const NICENESS = 5;
yieldToOthers(NICENESS);

const { journals } = workerData as HistoryThreadData;
const histories: WalletHistory[] = [];
const readers: JournalReader[] = [];
const statements = new Map<number, OpenStatement>();

function answer(shard: number, number: number, question: HistoryQuestion): HistoryAnswer {
  const history = histories[shard];
  switch (question.type) {
    case "page": {
      const page = history.page(question.asked);
      if (typeof page === "string") return { type: "refused", code: page };
      return { type: "page", transactions: JSON.stringify(page.transactions.map(transactionJson)), next: page.next };
    }
    case "balanceAt": {
      const { asked, timeMs, sequence } = question;
      const balance =
        timeMs === undefined ? history.balanceAt(asked, sequence ?? asked.head) : history.balanceAtTime(asked, timeMs);
      return { type: "balance", balance };
    }
    case "holdEnd":
      return { type: "holdEnd", end: history.holdEnd(question.asked, question.holdId, question.placed) };
    case "saga":
      return { type: "saga", story: tellSaga(shard, readers[shard], question.id, question.newest) };
    case "statementPart":
      return statementPart(history, question);
    case "settlement": {
      const { asked, merchantId, after, through } = question;
      let totals = NO_TOTALS;
      const next = history.walk(asked, through, after, SETTLEMENT_LINES, (line) => {
        totals = withLine(totals, line, merchantId);
      });
      return { type: "settlement", totals, next };
    }
    case "statement": {
      forgetIdle();
      if (statements.size >= STATEMENTS_MAX) return { type: "refused", code: "overloaded" };
      const { asked, fromMs, toMs } = question;
      const outline = history.statement(asked, fromMs, toMs);
      if (typeof outline === "string") return { type: "refused", code: outline };
      statements.set(number, { asked, outline, usedMs: Date.now() });
      const { opening, closing, sequences } = outline;
      return { type: "statement", statement: { statement: number, opening, closing, lines: sequences.length } };
    }
    case "lines": {
      const statement = statements.get(question.statement);
      if (statement === undefined) return { type: "refused", code: "overloaded" };
      statement.usedMs = Date.now();
      const { asked, outline } = statement;
      return { type: "lines", lines: history.lines(asked, outline, question.from, question.from + question.count) };
    }
    case "endStatement":
      statements.delete(question.statement);
      return { type: "ended" };
    case "frameSince":
      return {
        type: "frameSince",
        firstSequence: firstFrameSince(readers[shard], question.sinceMs, question.through),
      };
    case "frames":
      return { type: "frames", ...framesFrom(readers[shard], question.from, question.through) };
    default:
      return unreachable(question);
  }
}

/** Nothing is kept from part to part: what a time held through a record stays the same. */
function statementPart(
  history: WalletHistory,
  { asked, fromMs, toMs, through, from, count }: Extract<HistoryQuestion, { type: "statementPart" }>,
): HistoryAnswer {
  if (through !== undefined && !history.holds(asked, through)) return { type: "refused", code: "cursor_invalid" };
  const then = { walletId: asked.walletId, head: through ?? asked.head };
  const outline = history.statement(then, fromMs, toMs);
  if (typeof outline === "string") return { type: "refused", code: outline };
  const { opening, closing, sequences } = outline;
  const end = from + count;
  const transactions = JSON.stringify(history.lines(then, outline, from, end).map(transactionJson));
  return {
    type: "statementPart",
    statement: { opening, closing, transactions, next: end < sequences.length ? end : 0 },
  };
}

function forgetIdle(): void {
  for (const [number, { usedMs }] of statements) {
    if (Date.now() - usedMs > STATEMENT_IDLE_MS) statements.delete(number);
  }
}

function tryAnswer(shard: number, number: number, question: HistoryQuestion): HistoryAnswer {
  try {
    return answer(shard, number, question);
  } catch (error) {
    if (error instanceof HistoryExpiredError) return { type: "refused", code: "history_expired" };
    return { type: "failed", message: error instanceof Error ? error.message : String(error) };
  }
}

parentPort?.once("message", (walletIds: readonly SharedArrayBuffer[]) => {
  for (const options of journals) {
    const reader = new JournalReader(options);
    readers.push(reader);
    histories.push(new WalletHistory(options.shard, reader, new Uint8Array(walletIds[options.shard])));
  }
  parentPort?.on("message", ({ number, shard, question }: HistoryRequest) => {
    const reply: HistoryReply = { number, answer: tryAnswer(shard, number, question) };
    parentPort?.postMessage(reply);
  });
});
parentPort?.postMessage("loaded");
