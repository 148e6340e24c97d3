import { describe, expect, test } from "vitest";
import { type TransferCommand, type TransferEvent, type TransferState, transferAggregate } from "./transfer.ts";
import type { TransferBody } from "./transfer-body.ts";

const NOW_MS = 1_000;
const BODY: TransferBody = {
  id: "id",
  fromWalletId: "from",
  toWalletId: "to",
  amountMinor: 30,
  currency: 818,
  reference: "reference",
  expectedVersion: 4,
  metadata: '{"a":1}',
};
const RESULT = {
  postedMinor: 70,
  availableMinor: 70,
  version: 5,
  counterpartyPostedMinor: 30,
  counterpartyAvailableMinor: 30,
  counterpartyVersion: 3,
};
const initiated: TransferEvent = { type: "TransferInitiated", body: BODY, toShard: 1, number: 9, startedAtMs: NOW_MS };
const credited: TransferEvent = { type: "TransferCredited", creditedPosition: "1:5" };
const refunding: TransferEvent = { type: "TransferRefunding", code: "destination_closed" };
const completed: TransferEvent = {
  type: "TransferEnded",
  status: "COMPLETED",
  code: "ok",
  body: BODY,
  startedAtMs: NOW_MS,
  creditedPosition: "1:5",
  result: RESULT,
};
const failed: TransferEvent = {
  type: "TransferEnded",
  status: "FAILED",
  code: "destination_closed",
  body: BODY,
  startedAtMs: NOW_MS,
  result: RESULT,
};

const initiate: TransferCommand = { type: "InitiateTransfer", body: BODY, toShard: 1, number: 9 };
const accepted: TransferCommand = {
  type: "RecordAnswer",
  code: "ok",
  creditedPosition: "1:5",
  result: RESULT,
  canSettle: true,
};
const refused: TransferCommand = { ...accepted, code: "destination_closed" };

function given(...events: readonly TransferEvent[]): TransferState | undefined {
  return events.reduce<TransferState | undefined>(transferAggregate.evolve, undefined);
}

describe("given what happened, when a command comes, then", () => {
  test.each([
    { given: [], when: initiate, expected: { code: "ok", events: [initiated] }, name: "a transfer begins" },
    { given: [initiated], when: initiate, expected: { code: "in_progress" }, name: "it does not begin twice" },
    {
      given: [initiated],
      when: accepted,
      expected: { code: "ok", events: [credited, completed] },
      name: "an acceptance completes it",
    },
    {
      given: [initiated],
      when: refused,
      expected: { code: "ok", events: [refunding, failed] },
      name: "a refusal refunds and fails it",
    },
    {
      given: [initiated],
      when: { ...refused, canSettle: false },
      expected: { code: "ok", events: [refunding] },
      name: "a refusal that cannot be refunded leaves it refunding",
    },
    {
      given: [initiated, refunding],
      when: refused,
      expected: { code: "ok", events: [refunding, failed] },
      name: "the refusal again, after a start, refunds and fails it",
    },
    {
      given: [initiated, credited, completed],
      when: accepted,
      expected: { code: "ok", events: [] },
      name: "an answer that comes twice changes nothing",
    },
    {
      given: [initiated, refunding, failed],
      when: refused,
      expected: { code: "ok", events: [] },
      name: "a refusal that comes twice changes nothing",
    },
  ] satisfies readonly { given: TransferEvent[]; when: TransferCommand; expected: unknown; name: string }[])(
    "$name",
    ({ given: events, when, expected: decision }) => {
      expect(transferAggregate.decide(given(...events), when, { nowMs: NOW_MS })).toEqual(decision);
    },
  );
});

describe("what happened is remembered as", () => {
  test.each([
    { events: [initiated], state: { ...BODY, status: "DEBITED", toShard: 1, number: 9, startedAtMs: NOW_MS } },
    { events: [initiated, credited], state: { status: "DEBITED" } },
    { events: [initiated, refunding], state: { status: "REFUNDING", code: "destination_closed", number: 9 } },
  ])("$state.status", ({ events, state }) => {
    expect(given(...events)).toMatchObject(state);
  });

  test.each([{ ended: completed }, { ended: failed }])("nothing once it is $ended.status", ({ ended }) => {
    expect(given(initiated, ended)).toBeUndefined();
  });

  test("a refund without a transfer is a broken journal", () => {
    expect(() => given(refunding)).toThrow("never initiated");
  });
});

test("a body without what is optional stays without it", () => {
  const { reference: _r, expectedVersion: _e, metadata: _m, ...plain } = BODY;
  const state = given({ ...initiated, body: plain });
  const decision = transferAggregate.decide(state, accepted, { nowMs: NOW_MS });
  expect(decision).toEqual({ code: "ok", events: [credited, { ...completed, body: plain }] });
});
