import type { FollowReport } from "../load/follow-job.ts";
import type { BooksCheck } from "../load/result.ts";
import type { WalletBooks } from "../load/wallet-books.ts";
import type { Holdings } from "./load-target.ts";

/** What is held against what after a load. */
export interface BooksInput {
  readonly before: Holdings;
  readonly after: Holdings;
  /** What the answers add up to. */
  readonly books: WalletBooks;
  /** Commands of which nobody knows whether they were applied. */
  readonly inDoubt: number;
  /** Whether the ledger refused any command: a refused transfer between shards leaves two changes of its wallet behind. */
  readonly hasRejections: boolean;
  readonly sums: readonly string[];
  readonly streams: FollowReport;
}

/** Holds the ledger's wallets, its trial balance and its streams against the answers that it gave. */
export function checkBooks(input: BooksInput): BooksCheck[] {
  const { before, after, books, inDoubt, hasRejections, sums, streams } = input;
  const changed = (expected: Float64Array, read: (holdings: Holdings) => Float64Array) => (wallet: number) =>
    [read(before)[wallet] + expected[wallet], read(after)[wallet]] as const;
  const count = before.version.length;
  const nonZero = sums.filter((sum) => sum !== "0");
  return [
    outcome(
      "answers",
      inDoubt === 0,
      inDoubt === 0 ? "every command has an answer" : `${inDoubt} commands are in doubt`,
    ),
    compareAll(
      "balances",
      count,
      changed(books.postedMinor, ({ postedMinor }) => postedMinor),
    ),
    compareAll(
      "holds",
      count,
      changed(books.heldMinor, ({ heldMinor }) => heldMinor),
    ),
    compareAll(
      "changes",
      count,
      changed(books.changes, ({ version }) => version),
      hasRejections,
    ),
    outcome(
      "trial balance",
      sums.length > 0 && nonZero.length === 0,
      sums.length === 0 ? "it is empty" : nonZero.length === 0 ? "zero" : `not zero: ${nonZero.join(", ")}`,
    ),
    checkStreams(after, streams),
  ];
}

function outcome(name: string, agrees: boolean, detail: string): BooksCheck {
  return { name, agrees, detail };
}

/** Compares one number of every wallet; where more is allowed, it may be above what is expected. */
function compareAll(
  name: string,
  count: number,
  pairOf: (wallet: number) => readonly [expected: number, found: number],
  mayBeMore = false,
): BooksCheck {
  let wrong = 0;
  let first = "";
  for (let wallet = 0; wallet < count; wallet += 1) {
    const [expected, found] = pairOf(wallet);
    if (found === expected || (mayBeMore && found > expected)) continue;
    wrong += 1;
    if (first === "") first = `wallet ${wallet}: ${found} in place of ${expected}`;
  }
  if (wrong === 0) return outcome(name, true, `${count} wallets agree`);
  return outcome(name, false, `${wrong} of ${count} wallets differ; ${first}`);
}

function checkStreams(after: Holdings, streams: FollowReport): BooksCheck {
  const faults: string[] = [];
  if (streams.outOfOrder > 0) faults.push(`${streams.outOfOrder} versions came out of order or were left out`);
  const stale = streams.version.findIndex(
    (version, wallet) =>
      version !== after.version[wallet] ||
      streams.postedMinor[wallet] !== after.postedMinor[wallet] ||
      streams.availableMinor[wallet] !== after.postedMinor[wallet] - after.heldMinor[wallet],
  );
  if (stale >= 0) {
    faults.push(
      `wallet ${stale} was last seen at version ${streams.version[stale]} with ${streams.postedMinor[stale]}, ` +
        `it is at ${after.version[stale]} with ${after.postedMinor[stale]}`,
    );
  }
  const seen = `${streams.version.length} wallets were followed to what they hold`;
  return outcome("streams", faults.length === 0, faults.length === 0 ? seen : faults.join("; "));
}
