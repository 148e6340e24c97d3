/** A ledger goes on with journals and snapshots of an older version of a type. */

import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { untimedId } from "../../test/ledger-command.ts";
import { ADMIN_SENDER, MERCHANT_SENDER, PaymentSession } from "../../test/payment-session.ts";
import { expectSameFacts } from "../../test/same-state.ts";
import type { ShardState } from "../shard/shard-state.ts";
import { statePartsOf } from "../snapshot/state-parts.ts";
import { type AnyActor, actorOf, upcast, upcastState } from "./registry.ts";

const payment = actorOf("Payment") as AnyActor;
const first = { ...payment };

afterEach(() => {
  Object.assign(payment, first);
});

/** A newer program: each payment says through which channel it came. */
function upgrade(): void {
  const channelled =
    (channel: string) =>
    (event: unknown): unknown =>
      (event as { readonly type: string }).type === "PaymentInitiated" ? { ...(event as object), channel } : event;
  Object.assign(payment, {
    upcasts: [{ event: channelled("unknown"), state: (state: object) => ({ ...state, channel: "unknown" }) }],
    decide: (...asked: Parameters<AnyActor["decide"]>) => {
      const decision = first.decide(...asked);
      if (decision.code !== "ok" || "steps" in decision) return decision;
      return { ...decision, events: decision.events.map(channelled("app")) };
    },
  } as Partial<AnyActor>);
}

/** The bytes of a snapshot's actors. */
function chunksOf(state: ShardState): readonly Uint8Array[] {
  const part = statePartsOf(state).find(({ name }) => name === "actors");
  const chunks: Uint8Array[] = [];
  part?.begin();
  for (let chunk = part?.next(); chunk !== undefined; chunk = part?.next()) chunks.push(chunk.slice());
  part?.end();
  return chunks;
}

function loaded(session: PaymentSession, chunks: readonly Uint8Array[]): ShardState {
  const state = session.engine.emptyState(1);
  const part = statePartsOf(state).find(({ name }) => name === "actors");
  for (const chunk of chunks) part?.load(chunk.slice());
  return state;
}

describe("a newer program", () => {
  let session: PaymentSession;
  let old: readonly Uint8Array[];
  let stillOld: ShardState;

  beforeEach(() => {
    session = new PaymentSession().opened();
    session.pay(session.initiating());
    session.pay(session.authorizing());
    session.begin(session.command("CapturePayment", { amountMinor: 200 }));
    stillOld = session.engine.rebuilt(1);
    old = chunksOf(stillOld);
    upgrade();
  });

  test("reads the journal of an older one, and goes on with what was under way", () => {
    session.engine.crash();
    expect(session.payment()).toMatchObject({ channel: "unknown", status: "AUTHORIZED", running: "CapturePayment" });
    session.settle();
    expect(session.payment()).toMatchObject({ channel: "unknown", status: "PARTIALLY_CAPTURED", capturedMinor: 200 });
    const newer = session.nextWalletId(1);
    expect(session.pay(session.initiating({}, MERCHANT_SENDER, newer))).toMatchObject({ state: { channel: "app" } });
    session.engine.crash();
    expect(session.payment(ADMIN_SENDER, newer)).toMatchObject({ channel: "app" });
    for (const shard of [0, 1]) expectSameFacts(session.engine.state(shard), session.engine.rebuilt(shard));
  });

  test("reads a snapshot of an older one as it reads its journal", () => {
    const { actors } = loaded(session, old);
    expect(actors.rows()).toEqual(session.engine.rebuilt(1).actors.rows());
    expect(actors.get("Payment", session.paymentId)?.state).toMatchObject({ channel: "unknown" });
    expect(actors.openCount).toBe(1);
  });

  test("writes snapshots that it does not change again when it reads them", () => {
    const chunks = chunksOf(session.engine.rebuilt(1));
    expect(chunks).not.toEqual(old);
    expect(loaded(session, chunks).actors.rows()).toEqual(session.engine.rebuilt(1).actors.rows());
  });

  test("is not followed by an older one", () => {
    session.pay(session.initiating({}, MERCHANT_SENDER, session.nextWalletId(1)));
    const chunks = chunksOf(session.engine.rebuilt(1));
    Object.assign(payment, first);
    expect(() => session.engine.rebuilt(1)).toThrow("start a newer one");
    expect(() => loaded(session, chunks)).toThrow("a Payment is of version 2, and this program knows 1");
    expect(chunksOf(stillOld)).toEqual(old);
  });
});

test("whatever the version, each cast from there on is done once, in order", () => {
  const upcasts = Array.from({ length: 6 }, (_, from) => ({
    event: (event: unknown) => [...(event as number[]), from + 1],
    state: (state: unknown) => [...(state as number[]), -from - 1],
  }));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 7 }), fc.nat(3), (version, count) => {
      const casts = [1, 2, 3, 4, 5, 6].slice(version - 1);
      const events = upcast(
        { name: untimedId(1), upcasts },
        Array.from({ length: count }, () => []),
        version,
      );
      expect(events).toEqual(Array.from({ length: count }, () => casts));
      expect(upcastState({ name: untimedId(1), upcasts }, [], version)).toEqual(casts.map((cast) => -cast));
    }),
  );
});
