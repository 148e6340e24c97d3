import { describe, expect, test } from "vitest";
import type { Claim, FoldState } from "./epoch-fold.ts";
import { cutFrom, hasLostTail, TailComparer } from "./tail-comparison.ts";

const ZEROS = "0".repeat(64);

function claimOf(epoch: number, nodeId: string): Claim {
  const ledger = { formatVersion: 1, ledgerId: "tails", shards: 1, calendarTimeZone: "UTC", createdAt: "" };
  return { epoch, nodeId, nodeUrl: "", claimId: `00000000-0000-4000-8000-00000000000${epoch}`, ledger };
}

/** A log with six records that count, claimed by node A. */
const BEHIND_SIX: FoldState = { offset: 3, nextSequence: 7, hash: ZEROS, claim: claimOf(1, "A") };

describe("a former leader with records that the log does not have", () => {
  const comparerOf = (): TailComparer => new TailComparer([BEHIND_SIX], [8], () => true);

  test("keeps them while nobody else has claimed: it will send them", () => {
    const { comparison, fold } = comparerOf();
    expect(comparison).toMatchObject({ shards: [{ type: "beyond", fromSequence: 7 }], leader: { nodeId: "A" } });
    expect(cutFrom(comparison, 0, "A")).toBeUndefined();
    expect(hasLostTail(fold, [8], "A")).toBe(false);
  });

  test("has lost them as soon as another node claims, also while it follows", () => {
    const comparer = comparerOf();
    comparer.fold.apply(0, { type: "claim", offset: 3, claim: claimOf(2, "B") });
    expect(cutFrom(comparer.comparison, 0, "A")).toBe(7);
    expect(hasLostTail(comparer.fold, [8], "A")).toBe(true);
    expect(hasLostTail(comparer.fold, [6], "A")).toBe(false);
  });
});
