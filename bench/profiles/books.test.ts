import { expect, test } from "vitest";
import { WalletBooks } from "../load/wallet-books.ts";
import { type BooksInput, checkBooks } from "./books.ts";
import type { Holdings } from "./load-target.ts";

function holdings(postedMinor: number[], heldMinor: number[], version: number[]): Holdings {
  const columns = [postedMinor, heldMinor, version].map((values) => Float64Array.from(values));
  return { postedMinor: columns[0], heldMinor: columns[1], version: columns[2] };
}

/** Two wallets after a transfer of 30, a hold of 20 and a capture of it, and a hold of 5 that stays open. */
function agreeing(): BooksInput {
  const books = new WalletBooks(2);
  const from = Uint32Array.of(0, 0, 0, 0);
  const to = Uint32Array.of(1, 1, 1, 1);
  const amountMinor = Float64Array.of(30, 20, 20, 5);
  for (const [at, kind] of (["transfers", "holds", "captures", "holds"] as const).entries()) {
    books.applied({ kind, from, to, amountMinor }, at);
  }
  return {
    before: holdings([100, 100], [0, 0], [3, 3]),
    after: holdings([50, 150], [5, 0], [7, 5]),
    books,
    inDoubt: 0,
    hasRejections: false,
    sums: ["0", "0"],
    streams: {
      postedMinor: Float64Array.of(50, 150),
      availableMinor: Float64Array.of(45, 150),
      version: Float64Array.of(7, 5),
      dashboardsSeen: 0,
      dashboardsOpen: 0,
      deltas: 6,
      conflated: 0,
      outOfOrder: 0,
      lost: 0,
      firstLoss: "",
    },
  };
}

function failing(changes: Partial<BooksInput>): string[] {
  return checkBooks({ ...agreeing(), ...changes })
    .filter(({ agrees }) => !agrees)
    .map(({ name }) => name);
}

test("books that agree", () => {
  expect(failing({})).toEqual([]);
});

const { streams } = agreeing();

test.each<[string, string[], Partial<BooksInput>]>([
  ["a command in doubt", ["answers"], { inDoubt: 1 }],
  ["a minor unit too many", ["balances", "streams"], { after: holdings([50, 151], [5, 0], [7, 5]) }],
  ["a hold that was lost", ["holds", "streams"], { after: holdings([50, 150], [0, 0], [7, 5]) }],
  ["a change that nobody asked for", ["changes", "streams"], { after: holdings([50, 150], [5, 0], [7, 6]) }],
  [
    "a change missing, in spite of refusals",
    ["changes", "streams"],
    { after: holdings([50, 150], [5, 0], [7, 4]), hasRejections: true },
  ],
  ["a sum that is not zero", ["trial balance"], { sums: ["0", "-1"] }],
  ["no sums at all", ["trial balance"], { sums: [] }],
  ["a stream that stopped", ["streams"], { streams: { ...streams, version: Float64Array.of(6, 5) } }],
  ["a stream that left something out", ["streams"], { streams: { ...streams, outOfOrder: 1 } }],
])("books that do not: %s", (_name, names, changes) => {
  expect(failing(changes)).toEqual(names);
});

test("a refused transfer between shards may have changed its wallet twice", () => {
  const after = holdings([50, 150], [5, 0], [9, 5]);
  const seen = { ...streams, version: Float64Array.of(9, 5) };
  expect(failing({ after, streams: seen, hasRejections: true })).toEqual([]);
  expect(failing({ after, streams: seen })).toEqual(["changes"]);
});
