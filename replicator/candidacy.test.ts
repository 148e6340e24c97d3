import { expect, test } from "vitest";
import { Candidacy } from "./candidacy.ts";
import type { Claim } from "./epoch-fold.ts";

const LEDGER = { formatVersion: 1, ledgerId: "candidacy", shards: 1, calendarTimeZone: "UTC", createdAt: "" };
const identityOf = (number: number): Omit<Claim, "epoch"> => ({
  claimId: `00000000-0000-4000-8000-00000000000${number}`,
  nodeId: `node-${number}`,
  nodeUrl: "",
  ledger: LEDGER,
});
const standing = (epoch: number, number: number): Claim => ({ ...identityOf(number), epoch });

test("a claim succeeds the one that it was to succeed, and no later one", () => {
  const late = new Candidacy(identityOf(1), 4);
  expect(late.next(standing(5, 2))).toEqual({ type: "outrun", claim: standing(5, 2) });
  const timely = new Candidacy(identityOf(1), 4);
  expect(timely.next(standing(4, 2))).toEqual({ type: "append", claim: standing(5, 1) });
});

test("a claim whose answer was lost is appended as it was, where it has won, and given up where it has not", () => {
  const candidacy = new Candidacy(identityOf(1), 0);
  expect(candidacy.next(undefined)).toEqual({ type: "append", claim: standing(1, 1) });
  expect(candidacy.next(standing(1, 1))).toEqual({ type: "append", claim: standing(1, 1) });
  expect(candidacy.next(standing(1, 2))).toEqual({ type: "outrun", claim: standing(1, 2) });
});

test("without a claim to succeed it succeeds whichever stands when it begins", () => {
  const candidacy = new Candidacy(identityOf(1));
  expect(candidacy.next(standing(7, 2))).toEqual({ type: "append", claim: standing(8, 1) });
  expect(candidacy.next(standing(8, 3))).toEqual({ type: "outrun", claim: standing(8, 3) });
});
