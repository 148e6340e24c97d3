import { describe, expect, test } from "vitest";
import { OPERATION } from "../../protocol/command-record.ts";
import { untimedId } from "../../test/ledger-command.ts";
import { MedCardSession } from "../../test/medcard-session.ts";
import { ADMIN_SENDER, MERCHANT_SENDER, PaymentSession } from "../../test/payment-session.ts";
import { viewFrame } from "../journal/frame.ts";
import type { ReadFrame } from "../journal/journal-reader.ts";
import { type SagaStory, tellSaga } from "./saga-story.ts";

const SHARD = 1;

/** What happened to the saga of a command on the second shard; `oldest` is the oldest record that is kept. */
function told({ engine }: PaymentSession, id: string, oldest = 1): SagaStory | null {
  const frameAt = (sequence: number): ReadFrame | undefined => {
    const bytes = sequence < oldest ? undefined : engine.journal(SHARD).frameAt(sequence);
    const frame = bytes === undefined ? undefined : viewFrame(bytes, SHARD);
    if (typeof frame === "string") throw new Error(frame);
    return frame === undefined ? undefined : { ...frame, file: "" };
  };
  const state = engine.state(SHARD);
  const open = state.actors.open().find((row) => row.open.saga.id === id)?.open;
  return tellSaga(SHARD, { frameAt }, id, open?.head ?? state.findTextAtAnyAge(id));
}

/** Each entry in short: what, what is true then, step, and why. */
function short(story: SagaStory | null): readonly string[] {
  return (story?.entries ?? []).map(({ type, status, step, code, reason, operation }) =>
    [type, status, step, code ?? reason ?? operation].filter((part) => part !== undefined).join(" "),
  );
}

describe("what happened to a saga", () => {
  test("is told from its beginning to its end, with what an operator said", () => {
    const session = new PaymentSession({ idempotencyWindowMs: 86_400_000 }).opened();
    const fee = { walletId: session.fees, fixedMinor: 10, basisPoints: 0 };
    session.pay(session.initiating({ fee, ownerId: MERCHANT_SENDER.ownerId }, ADMIN_SENDER));
    session.pay(session.authorizing());
    session.ask({ operation: OPERATION.FreezeWallet, walletId: session.fees });
    const capture = session.command("CapturePayment");
    const startedAtMs = session.nowMs;
    session.pay(capture);
    const begun = ["begun INITIATED", "asked INITIATED 0 CaptureHold", "done DEBITED 0", "asked DEBITED 1 CaptureHold"];
    const delayed = "delayed DEBITED 1 destination_frozen";
    expect(short(told(session, capture.commandId))).toEqual([...begun, delayed]);
    session.engine.crash();
    for (let minutes = 0; minutes < 12; minutes += 1) session.pass(60_000);
    const parked = told(session, capture.commandId);
    expect(parked).toMatchObject({ isComplete: true, saga: { isParked: true, status: "DEBITED", step: 1 } });
    expect(short(parked).slice(-2)).toEqual(["asked DEBITED 1 CaptureHold", "parked DEBITED 1 destination_frozen"]);
    expect(short(parked).filter((entry) => entry === delayed)).toHaveLength(11);
    session.ask({ operation: OPERATION.UnfreezeWallet, walletId: session.fees });
    session.release(capture.commandId);
    session.settle();
    const ended = told(session, capture.commandId);
    expect(short(ended).slice(short(parked).length)).toEqual([
      "unparked DEBITED 1 looked at",
      "asked DEBITED 1 CaptureHold",
      "done CREDITED 1",
      "ended COMPLETED ok",
    ]);
    expect(ended?.saga).toMatchObject({
      id: capture.commandId,
      actor: "Payment",
      actorId: session.paymentId,
      type: "CapturePayment",
      status: "COMPLETED",
      isParked: false,
      steps: ["CaptureHold", "CaptureHold"],
      startedAtMs,
      endedAtMs: session.nowMs,
      code: "ok",
    });
    const places = (ended?.entries ?? []).map(({ position, timestampMs }) => [Number(position.slice(2)), timestampMs]);
    expect(places).toEqual(places.toSorted(([a], [b]) => Number(a) - Number(b)));
    const asked = ended?.entries.findLast(({ type }) => type === "asked");
    expect(asked?.walletId).toBe(session.payer);
    expect(session.engine.state(0).findText(asked?.commandId ?? "")).toBeGreaterThan(0);
  });

  test("is told of one that takes everything back", () => {
    const session = new MedCardSession().opened().withCard();
    session.ask({ operation: OPERATION.FreezeWallet, walletId: session.shop });
    const claim = session.claiming(untimedId(0xe1), 1_000);
    expect(session.pay(claim)).toMatchObject({ code: "destination_frozen" });
    const story = told(session, claim.commandId);
    expect(short(story)).toEqual([
      "begun INITIATED",
      "asked INITIATED 0 Transfer",
      "done DEBITED 0",
      "asked DEBITED 1 Transfer",
      "done DEBITED 1",
      "asked DEBITED 2 Transfer",
      "refunding REFUNDING 2 destination_frozen",
      "asked REFUNDING 1 Transfer",
      "done REFUNDING 1",
      "asked REFUNDING 0 Transfer",
      "done REFUNDING 0",
      "ended FAILED destination_frozen",
    ]);
    expect(story?.saga).toMatchObject({ status: "FAILED", code: "destination_frozen" });
  });

  test("is told of one whose first step is refused", () => {
    const session = new PaymentSession().opened();
    session.pay(session.initiating({ amountMinor: 1_001 }));
    const authorize = session.authorizing();
    session.pay(authorize);
    expect(short(told(session, authorize.commandId))).toEqual([
      "begun INITIATED",
      "asked INITIATED 0 PlaceHold",
      "ended FAILED insufficient_funds",
    ]);
  });

  test("is told of one whose wallets are all on its own shard, and which one record holds", () => {
    const session = new PaymentSession().opened();
    const facts = { payerWalletId: session.farFees, merchantWalletId: session.shop, amountMinor: 10 };
    session.ask({ operation: OPERATION.Credit, walletId: session.farFees, amountMinor: 10n });
    session.pay(session.initiating(facts));
    const authorize = session.command("AuthorizePayment", {}, ADMIN_SENDER);
    expect(session.pay(authorize)).toMatchObject({ code: "ok" });
    const story = told(session, authorize.commandId);
    const asked = "asked INITIATED 0 PlaceHold";
    expect(short(story)).toEqual(["begun INITIATED", asked, "done CREDITED 0", "ended COMPLETED ok"]);
    expect(story).toMatchObject({ isComplete: true, saga: { status: "COMPLETED", code: "ok" } });
  });

  test("says so where its beginning is not kept any more", () => {
    const session = new PaymentSession().opened();
    session.pay(session.initiating());
    const authorize = session.authorizing();
    session.pay(authorize);
    const last = session.engine.state(SHARD).findText(authorize.commandId);
    const story = told(session, authorize.commandId, last);
    expect(story).toMatchObject({
      isComplete: false,
      saga: { id: authorize.commandId, actor: "Payment", type: "AuthorizePayment", status: "COMPLETED", code: "ok" },
    });
    expect(short(story)).toEqual(["ended COMPLETED ok"]);
  });

  test("is nothing where a command has no steps, or is none of an actor", () => {
    const session = new PaymentSession().opened();
    const initiate = session.initiating();
    session.pay(initiate);
    expect(told(session, initiate.commandId)).toBeNull();
    const id = untimedId(0xf1);
    session.ask({ operation: OPERATION.FreezeWallet, walletId: session.shop, id });
    expect(told(session, id)).toBeNull();
  });
});
