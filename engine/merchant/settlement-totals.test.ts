import { describe, expect, test } from "vitest";
import type { Transaction } from "../history/transaction.ts";
import { addTotals, NO_TOTALS, netMinor, type SettlementTotals, withLine } from "./settlement-totals.ts";

const MERCHANT = "018f3c6e-0000-7000-8000-000000000001";
const PAYMENT = "018f3c6e-0000-7000-8000-000000000002";
const LINE = { position: "0:1", timestampMs: 0, postedMinor: 0, version: 1 };
const told = { merchantId: MERCHANT, capturedMinor: 1_000, feeMinor: 35, splitsMinor: 100 };
const back = { merchantId: MERCHANT, refundedMinor: 500, splitsMinor: 50 };
const captured: Transaction = {
  ...LINE,
  type: "CaptureHold",
  direction: "credit",
  amountMinor: 865,
  reference: PAYMENT,
  actorId: PAYMENT,
  metadata: told,
};
const refunded: Transaction = {
  ...LINE,
  type: "Transfer",
  direction: "debit",
  amountMinor: 450,
  reference: PAYMENT,
  metadata: back,
};
const paidOut: Transaction = { ...LINE, type: "Transfer", direction: "debit", amountMinor: 415, reference: MERCHANT };
const refusedAgain: Partial<Transaction> = { type: "TransferRefund", direction: "credit" };

describe("a line of a merchant's wallet counts", () => {
  test.each<{ name: string; line: Transaction; expected: Partial<SettlementTotals>; net: number }>([
    {
      name: "as a capture, with fee and parts of others",
      line: captured,
      expected: { capturedMinor: 1_000, feesMinor: 35, splitsMinor: 100 },
      net: 865,
    },
    {
      name: "as other where a client says that it is a capture",
      line: { ...captured, actorId: undefined } as unknown as Transaction,
      expected: { otherInMinor: 865 },
      net: 865,
    },
    {
      name: "as other where the sums do not fit",
      line: { ...captured, amountMinor: 866 },
      expected: { otherInMinor: 866 },
      net: 866,
    },
    {
      name: "as other where the capture is another merchant's",
      line: { ...captured, metadata: { ...told, merchantId: PAYMENT } },
      expected: { otherInMinor: 865 },
      net: 865,
    },
    {
      name: "as other where it says no numbers",
      line: { ...captured, metadata: { ...told, feeMinor: "35" } },
      expected: { otherInMinor: 865 },
      net: 865,
    },
    {
      name: "as a refund, with what others gave back",
      line: refunded,
      expected: { refundedMinor: 500, splitsReturnedMinor: 50 },
      net: -450,
    },
    {
      name: "as a refund out of a hold",
      line: { ...refunded, type: "CaptureHold", actorId: PAYMENT },
      expected: { refundedMinor: 500, splitsReturnedMinor: 50 },
      net: -450,
    },
    { name: "as a payout", line: paidOut, expected: { payoutsMinor: 415 }, net: -415 },
    {
      name: "as other where it simply goes",
      line: { ...LINE, type: "Debit", direction: "debit", amountMinor: 3 },
      expected: { otherOutMinor: 3 },
      net: -3,
    },
    {
      name: "as other where it simply comes",
      line: { ...LINE, type: "SweepStripe", direction: "credit", amountMinor: 3 },
      expected: { otherInMinor: 3 },
      net: 3,
    },
    {
      name: "as a line only where it moves nothing",
      line: { ...LINE, type: "PlaceHold", amountMinor: 9 },
      expected: {},
      net: 0,
    },
  ])("$name", ({ line, expected, net }) => {
    const totals = withLine(NO_TOTALS, line, MERCHANT);
    expect(totals).toEqual({ ...NO_TOTALS, lines: 1, ...expected });
    expect(netMinor(totals)).toBe(net);
  });

  test.each([
    refunded,
    { ...refunded, type: "CaptureHold" },
    paidOut,
    { ...LINE, type: "Transfer", direction: "debit", amountMinor: 7 } as const,
  ])("for nothing where another shard refused it: %j", (line) => {
    const went = withLine(NO_TOTALS, line, MERCHANT);
    const came = withLine(NO_TOTALS, { ...line, ...refusedAgain }, MERCHANT);
    expect(addTotals(went, came)).toEqual({ ...NO_TOTALS, lines: 2 });
  });
});
