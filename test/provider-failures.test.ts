/** Top-ups and payouts over real HTTP, while the provider misbehaves in every way that it can. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Fault } from "../deploy/sandbox-provider/books.ts";
import { ProviderWorld } from "./provider-world.ts";

const AMOUNT_MINOR = 12_345;
const SLOW = { timeout: 300_000 };

let world: ProviderWorld;
beforeAll(async () => {
  world = await ProviderWorld.start();
});
afterAll(() => world.stop());

/** The wallet, the actor and the provider's own books say the same about a top-up. */
async function expectAgreed(walletId: string, id: unknown, status: string, walletMinor: number): Promise<void> {
  const found = await world.found("topups", id);
  expect(found.status).toBe(status);
  expect(await world.balance(walletId)).toBe(walletMinor);
  const { paidMinor = 0, refundedMinor = 0 } = world.order(id) ?? {};
  const waiting = (found.attention as readonly { readonly decision?: string }[]).filter(
    (one) => one.decision === undefined,
  );
  if (waiting.length === 0) expect(paidMinor - refundedMinor).toBe(walletMinor);
}

describe.each(["fawry", "paymob"] as const)("a top-up through %s", (provider) => {
  test("tells the person how to pay, and credits the wallet when that is done", SLOW, async () => {
    const person = await world.person();
    const id = world.ids.next();
    const commandId = world.ids.next();
    const made = await world.topUp(provider, person.walletId, {}, person.key, id, commandId);
    const again = await world.topUp(provider, person.walletId, {}, person.key, id, commandId);
    expect(again).toMatchObject({ status: 201, replayed: true, json: { payment: made.json.payment } });
    expect(made).toMatchObject({ status: 201, json: { id, status: "PENDING", provider } });
    const { payment } = made.json as { readonly payment: { readonly code?: string; readonly url?: string } };
    if (provider === "fawry") expect(payment.code).toBe(world.order(id)?.reference);
    else expect(payment.url).toContain("unifiedcheckout");
    expect(await world.balance(person.walletId)).toBe(0);
    await world.sandbox.pay(id);
    expect(world.order(id)?.callbacks).toEqual([200]);
    await expectAgreed(person.walletId, id, "COMPLETED", AMOUNT_MINOR);
    expect((await world.call("GET", `/topups/${id}`, undefined, person.key)).status).toBe(200);
    const listed = await world.call(
      "GET",
      `/topups?status=COMPLETED&walletId=${person.walletId}`,
      undefined,
      person.key,
    );
    expect(listed.json).toMatchObject({ topups: [{ id }] });
  });

  test.each(["twice", "before_answer", "out_of_order"] as const)(
    "whose callbacks come %s moves once",
    SLOW,
    async (callbacks) => {
      const { walletId } = await world.person();
      const { json } = await world.topUp(provider, walletId, { callbacks, pays: true });
      await expect
        .poll(async () => (await world.found("topups", json.id)).status, { timeout: 120_000 })
        .toBe("COMPLETED");
      await world.reconcile(provider);
      await expectAgreed(walletId, json.id, "COMPLETED", AMOUNT_MINOR);
      expect((await world.found("topups", json.id)).attention).toEqual([]);
    },
  );

  test.each(["lost", "forged"] as const)("whose callbacks are %s is found by asking", SLOW, async (callbacks) => {
    const { walletId } = await world.person();
    const { json } = await world.topUp(provider, walletId, { callbacks });
    await world.sandbox.pay(String(json.id));
    if (callbacks === "forged") expect(world.order(json.id)?.callbacks).toEqual([401, 401, 401, 401, 401]);
    expect((await world.found("topups", json.id)).status).toBe("PENDING");
    expect(await world.balance(walletId)).toBe(0);
    await world.settles("topups", json.id, provider, "COMPLETED");
    await expectAgreed(walletId, json.id, "COMPLETED", AMOUNT_MINOR);
  });

  test.each<Fault>(["slow", "error_after", "reset_after", "broken"])(
    "whose order is taken without an answer (%s) loses nothing",
    SLOW,
    async (initiate) => {
      const { walletId } = await world.person();
      const { json } = await world.topUp(provider, walletId, { initiate });
      expect(json.status).toBe("INITIATED");
      // Where the person has been told how to pay, it goes on; where not, and it is paid all the same, an operator decides.
      await world.settles("topups", json.id, provider, provider === "fawry" ? "PENDING" : "FAILED");
      await world.sandbox.pay(String(json.id));
      if (provider === "paymob") {
        const found = await world.found("topups", json.id);
        expect(found).toMatchObject({ status: "FAILED", reason: "interrupted", attention: [{ cause: "late" }] });
        expect(await world.balance(walletId)).toBe(0);
        const { transactionId } = (found.attention as { readonly transactionId: string }[])[0];
        const body = { transactionId, decision: "accept", reason: "the person has paid" };
        expect((await world.call("POST", `/topups/${json.id}/resolve`, body)).status).toBe(200);
      }
      await expectAgreed(walletId, json.id, "COMPLETED", AMOUNT_MINOR);
    },
  );

  test.each<Fault>(["error_before", "reset_before"])(
    "whose order is not taken (%s) fails when the provider says so",
    SLOW,
    async (initiate) => {
      const { walletId } = await world.person();
      const { json } = await world.topUp(provider, walletId, { initiate });
      expect(json.status).toBe("INITIATED");
      await world.settles("topups", json.id, provider, "FAILED");
      await expectAgreed(walletId, json.id, "FAILED", 0);
    },
  );

  test("that the provider refuses has failed", SLOW, async () => {
    const { walletId } = await world.person();
    const { status, json } = await world.topUp(provider, walletId, { initiate: "refused" });
    expect([status, json.status]).toEqual([201, "FAILED"]);
    await expectAgreed(walletId, json.id, "FAILED", 0);
  });

  test("paid with another amount waits for an operator, who accepts what came", SLOW, async () => {
    const { walletId, key } = await world.person();
    const { json } = await world.topUp(provider, walletId, { paidMinor: 5_000 });
    await world.sandbox.pay(String(json.id));
    await world.reconcile(provider);
    const found = await world.found("topups", json.id);
    expect(found).toMatchObject({ status: "PENDING", attention: [{ cause: "amount_differs", amountMinor: 5_000 }] });
    await expectAgreed(walletId, json.id, "PENDING", 0);
    const { transactionId } = (found.attention as { readonly transactionId: string }[])[0];
    const body = { transactionId, decision: "accept", reason: "the rest is waived" };
    expect((await world.call("POST", `/topups/${json.id}/resolve`, body, key)).json).toMatchObject({
      code: "forbidden",
    });
    expect((await world.call("POST", `/topups/${json.id}/resolve`, body)).status).toBe(200);
    await expectAgreed(walletId, json.id, "COMPLETED", 5_000);
  });

  test("paid after it was cancelled waits for an operator", SLOW, async () => {
    const { walletId, key } = await world.person();
    const { json } = await world.topUp(provider, walletId, {}, key);
    expect((await world.call("POST", `/topups/${json.id}/cancel`, {}, key)).json).toMatchObject({ status: "FAILED" });
    await world.sandbox.pay(String(json.id));
    expect(await world.found("topups", json.id)).toMatchObject({ status: "FAILED", attention: [{ cause: "late" }] });
    expect(await world.balance(walletId)).toBe(0);
    const line = ((await world.report(provider)).lines as readonly { readonly id: string }[]).find(
      ({ id }) => id === json.id,
    );
    expect(line).toMatchObject({ result: "missing_here", hereMinor: 0, thereMinor: AMOUNT_MINOR, attention: 1 });
  });

  test("paid after it was cancelled, without a word, is found by the report", SLOW, async () => {
    const { walletId, key } = await world.person();
    const { json } = await world.topUp(provider, walletId, { callbacks: "lost" }, key);
    await world.call("POST", `/topups/${json.id}/cancel`, {}, key);
    await world.sandbox.pay(String(json.id));
    const lines = (await world.report(provider)).lines as readonly { readonly id: string }[];
    expect(lines.find(({ id }) => id === json.id)).toMatchObject({ result: "missing_here", attention: 1 });
    expect(await world.found("topups", json.id)).toMatchObject({ status: "FAILED", attention: [{ cause: "late" }] });
    expect(await world.balance(walletId)).toBe(0);
  });

  test("is paid back out of the wallet", SLOW, async () => {
    const { walletId, key } = await world.person();
    const { json } = await world.topUp(provider, walletId);
    await world.sandbox.pay(String(json.id));
    const reason = { reason: "asked for" };
    expect((await world.call("POST", `/topups/${json.id}/refund`, reason, key)).json).toMatchObject({
      code: "forbidden",
    });
    const commandId = world.ids.next();
    const refunded = await world.call("POST", `/topups/${json.id}/refund`, reason, undefined, commandId);
    expect(refunded).toMatchObject({ status: 200, json: { status: "REFUNDED" } });
    expect(await world.call("POST", `/topups/${json.id}/refund`, reason, undefined, commandId)).toMatchObject({
      status: 200,
      replayed: true,
    });
    await expectAgreed(walletId, json.id, "REFUNDED", 0);
  });

  test("whose refund is refused stays in the wallet", SLOW, async () => {
    const { walletId } = await world.person();
    const { json } = await world.topUp(provider, walletId, { refund: "refused" });
    await world.sandbox.pay(String(json.id));
    const refunded = await world.call("POST", `/topups/${json.id}/refund`, { reason: "asked for" });
    expect(refunded).toMatchObject({ status: 200, json: { status: "COMPLETED" } });
    await expectAgreed(walletId, json.id, "COMPLETED", AMOUNT_MINOR);
  });

  test.each<Fault>(["error_after", "slow", "error_before"])(
    "whose refund is not answered (%s) is refunded once",
    SLOW,
    async (refund) => {
      const { walletId } = await world.person();
      const { json } = await world.topUp(provider, walletId, { refund });
      await world.sandbox.pay(String(json.id));
      const asked = await world.call("POST", `/topups/${json.id}/refund`, { reason: "asked for" });
      expect(asked).toMatchObject({ status: 200, json: { status: "REFUNDING" } });
      expect(await world.balance(walletId)).toBe(0);
      world.sandbox.books.setScript(String(json.id), {});
      await world.settles("topups", json.id, provider, "REFUNDED");
      await expectAgreed(walletId, json.id, "REFUNDED", 0);
    },
  );

  test("about which the provider does not answer is asked for again", SLOW, async () => {
    const { walletId } = await world.person();
    const { json } = await world.topUp(provider, walletId, {
      callbacks: "lost",
      status: "error_before",
      statusFaults: 2,
    });
    await world.sandbox.pay(String(json.id));
    await world.settles("topups", json.id, provider, "COMPLETED");
    await expectAgreed(walletId, json.id, "COMPLETED", AMOUNT_MINOR);
  });
});

test("FawryPay's word that an order has expired ends it; money after that waits", SLOW, async () => {
  const { walletId } = await world.person();
  const { json } = await world.topUp("fawry", walletId);
  await world.sandbox.end(String(json.id), "EXPIRED");
  await expectAgreed(walletId, json.id, "FAILED", 0);
  await world.sandbox.pay(String(json.id));
  expect(await world.found("topups", json.id)).toMatchObject({ attention: [{ cause: "late" }] });
  const body = { transactionId: world.order(json.id)?.reference, decision: "dismiss", reason: "paid back by hand" };
  expect((await world.call("POST", `/topups/${json.id}/resolve`, body)).json).toMatchObject({
    attention: [{ decision: "dismiss" }],
  });
  expect(await world.balance(walletId)).toBe(0);
});

describe("a payout", () => {
  const ends = async (walletId: string, id: unknown, status: string, walletMinor: number): Promise<void> => {
    const found = await world.found("payouts", id);
    expect(found.status).toBe(status);
    expect(await world.balance(walletId)).toBe(walletMinor);
    expect(10_000 - (world.order(id)?.paidMinor ?? 0)).toBe(walletMinor);
  };

  test("is paid at once", SLOW, async () => {
    const { walletId, key } = await world.person(10_000);
    const made = await world.payOut(walletId, {}, key);
    expect(made).toMatchObject({ status: 201, json: { status: "PAID" } });
    await ends(walletId, made.json.id, "PAID", 7_950);
    const listed = await world.call("GET", `/payouts?walletId=${walletId}`, undefined, key);
    expect(listed.json).toMatchObject({ payouts: [{ id: made.json.id }] });
  });

  test("that is pending is paid later, or fails and comes back", SLOW, async () => {
    const { walletId } = await world.person(10_000);
    const paid = await world.payOut(walletId, { pays: false });
    expect(paid.json.status).toBe("PENDING");
    expect(await world.balance(walletId)).toBe(7_950);
    await world.sandbox.pay(String(paid.json.id));
    await world.settles("payouts", paid.json.id, "paymob", "PAID");
    await ends(walletId, paid.json.id, "PAID", 7_950);
    const failing = await world.payOut(walletId, { pays: false });
    expect(await world.balance(walletId)).toBe(5_900);
    await world.sandbox.end(String(failing.json.id), "FAILED");
    await world.settles("payouts", failing.json.id, "paymob", "FAILED");
    expect(await world.balance(walletId)).toBe(7_950);
  });

  test.each<Fault>(["slow", "error_after", "reset_after", "broken"])(
    "that is made without an answer (%s) is paid once",
    SLOW,
    async (initiate) => {
      const { walletId } = await world.person(10_000);
      const { json } = await world.payOut(walletId, { initiate });
      expect(json.status).toBe("RESERVED");
      await world.settles("payouts", json.id, "paymob", "PAID");
      await ends(walletId, json.id, "PAID", 7_950);
    },
  );

  test.each<Fault>(["error_before", "reset_before"])("that is not made (%s) comes back", SLOW, async (initiate) => {
    const { walletId } = await world.person(10_000);
    const { json } = await world.payOut(walletId, { initiate });
    await world.settles("payouts", json.id, "paymob", "FAILED");
    await ends(walletId, json.id, "FAILED", 10_000);
  });

  test("that the provider refuses comes back at once", SLOW, async () => {
    const { walletId } = await world.person(10_000);
    const { json } = await world.payOut(walletId, { initiate: "refused" });
    await ends(walletId, json.id, "FAILED", 10_000);
  });

  test("needs the wallet's money, and its owner", SLOW, async () => {
    const { walletId, key } = await world.person(10_000);
    const stranger = await world.person();
    expect((await world.payOut(walletId, {}, key, 10_001)).json).toMatchObject({ code: "insufficient_funds" });
    expect((await world.payOut(walletId, {}, stranger.key)).json).toMatchObject({ code: "forbidden" });
    expect(await world.balance(walletId)).toBe(10_000);
  });

  test("is put back by an operator who is certain", SLOW, async () => {
    const { walletId, key } = await world.person(10_000);
    const { json } = await world.payOut(walletId, { pays: false });
    const reason = { reason: "the provider has lost it" };
    expect((await world.call("POST", `/payouts/${json.id}/fail`, reason, key)).json).toMatchObject({
      code: "forbidden",
    });
    expect((await world.call("POST", `/payouts/${json.id}/fail`, reason)).json).toMatchObject({ status: "FAILED" });
    expect(await world.balance(walletId)).toBe(10_000);
  });
});

describe("a provider", () => {
  test("that is unknown, or does not do this, takes nothing", SLOW, async () => {
    const { walletId } = await world.person();
    const facts = { walletId, provider: "fawry", method: "PAYATFAWRY", amountMinor: 5, currency: "EGP" };
    const codeOf = async (path: string, changed: object): Promise<unknown> =>
      (await world.call("POST", path, { ...facts, ...changed })).json.code;
    expect(await codeOf("/topups", { provider: "elsewhere" })).toBe("provider_not_found");
    expect(await codeOf("/topups", { method: "CARD" })).toBe("provider_method_unsupported");
    expect(await codeOf("/topups", { currency: "USD" })).toBe("provider_method_unsupported");
    expect(await codeOf("/payouts", { destination: {} })).toBe("provider_method_unsupported");
    expect(await codeOf("/topups", { walletId: world.float })).toBe("same_wallet");
    expect((await world.call("POST", "/providers/elsewhere/reconciliations")).json.code).toBe("provider_not_found");
    expect((await world.call("GET", "/providers/fawry/reconciliations/yesterday")).json.code).toBe("invalid_request");
    expect((await world.call("POST", "/providers/elsewhere/callbacks", {})).json.code).toBe("provider_not_found");
    expect((await world.call("POST", "/providers/fawry/callbacks", [])).json.code).toBe("callback_signature_invalid");
    expect((await world.call("POST", "/providers/paymob/callbacks", {})).json.code).toBe("callback_malformed");
  });

  test("that reports money of an unknown order is remembered by the report", SLOW, async () => {
    const { walletId } = await world.person();
    const { json } = await world.topUp("fawry", walletId);
    // The same account at the provider serves another system, whose order this is.
    const other = world.sandbox.books.add("top_up", "order-of-another-system", 777);
    expect(other).toBeDefined();
    world.sandbox.books.setScript("order-of-another-system", { callbacks: "twice" });
    world.sandbox.adopt("order-of-another-system", String(json.id));
    await world.sandbox.pay("order-of-another-system");
    expect(other?.callbacks).toEqual([200, 200]);
    const report = await world.report("fawry");
    const strays = (report.lines as readonly { readonly kind: string }[]).filter(({ kind }) => kind === "stray");
    expect(strays).toMatchObject([{ result: "missing_here", thereMinor: 777 }]);
    const [{ id }] = strays as unknown as readonly { readonly id: string }[];
    const reason = { reason: "belongs to another system" };
    expect((await world.call("POST", `/providers/paymob/strays/${id}/close`, reason)).json.code).toBe(
      "stray_not_found",
    );
    expect((await world.call("POST", `/providers/fawry/strays/${id}/close`, reason)).status).toBe(200);
    const later = (await world.report("fawry")).lines as readonly { readonly kind: string }[];
    expect(later.some(({ kind }) => kind === "stray")).toBe(false);
  });

  test("and the ledger agree on the day but for what waits", SLOW, async () => {
    const report = await world.report("paymob");
    const lines = report.lines as readonly { readonly result: string; readonly attention: number }[];
    expect(lines.length).toBeGreaterThan(20);
    for (const { result, attention } of lines) if (attention === 0) expect(result).toBe("matched");
    const csv = await fetch(`${world.ledger.url}/api/v1/providers/paymob/reconciliations/${report.date}?format=csv`, {
      headers: { authorization: "Bearer test-admin-key-0123456789" },
    });
    expect((await csv.text()).trim().split("\r\n")).toHaveLength(lines.length + 1);
  });
});

test("a provider that is down is not asked for a while, and nothing is written down meanwhile", SLOW, async () => {
  const alone = await ProviderWorld.start({ breakerFailures: 3 });
  try {
    const { walletId } = await alone.person();
    await alone.sandbox.stop();
    const first = await alone.topUp("fawry", walletId);
    expect(first.json).toMatchObject({ status: "FAILED", reason: expect.stringContaining("unsent") });
    await expect
      .poll(async () => (await alone.topUp("fawry", walletId)).json.code, { timeout: 120_000, interval: 1 })
      .toBe("provider_unavailable");
    expect(await alone.balance(walletId)).toBe(0);
  } finally {
    await alone.stop();
  }
});
