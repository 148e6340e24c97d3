/** Payments and sagas over real HTTP, on a real ledger of two shards that is killed in between. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { shardOfUuid, UuidV7 } from "../../protocol/ids.ts";
import { paymentAnswer, paymentFoundAnswer, paymentsAnswer } from "../../protocol/payment/answers.ts";
import { sagaAnswer, sagasAnswer } from "../../protocol/saga-answers.ts";
import { ADMIN_KEY, LedgerProcess } from "../../test/ledger-process.ts";
import { RestParties } from "../../test/rest-parties.ts";

const ids = new UuidV7();
let ledger: LedgerProcess;
let rest: RestParties;
beforeAll(async () => {
  ledger = await LedgerProcess.create({ MIZAN_SHARDS: "2" });
  await ledger.start();
  rest = new RestParties(ledger);
});
afterAll(() => ledger.dispose());

const call: RestParties["call"] = (...asked) => rest.call(...asked);
const party: RestParties["party"] = (...asked) => rest.party(...asked);
const balance: RestParties["balance"] = (of) => rest.balance(of);

function walletIdOn(shard: number): string {
  for (;;) {
    const id = ids.next();
    if (shardOfUuid(id, 2) === shard) return id;
  }
}

describe("a payment over REST", () => {
  test("is initiated, authorised, captured and refunded by those who may", async () => {
    const shop = await party("merchant");
    const payer = await party("user", 1_000);
    const facts = { payerWalletId: payer.walletId, merchantWalletId: shop.walletId, amountMinor: 600, currency: "EGP" };
    const initiated = await call("POST", "/payments", { ...facts, description: "groceries" }, shop.key);
    expect(initiated).toMatchObject({ status: 201, json: { status: "INITIATED", ownerId: shop.ownerId } });
    paymentAnswer.parse(initiated.json);
    const path = `/payments/${initiated.json.id}`;
    expect((await call("POST", `${path}/authorize`, {}, shop.key)).json).toMatchObject({ code: "forbidden" });
    const authorizeId = ids.next();
    const authorized = await call("POST", `${path}/authorize`, {}, payer.key, authorizeId);
    expect(authorized).toMatchObject({ status: 200, replayed: false, json: { status: "AUTHORIZED" } });
    expect(await balance(payer)).toEqual([1_000, 400]);
    expect((await call("POST", `${path}/capture`, {}, payer.key)).json).toMatchObject({ code: "forbidden" });
    const captureId = ids.next();
    const captured = await call("POST", `${path}/capture`, { amountMinor: 400, final: true }, shop.key, captureId);
    expect(captured).toMatchObject({ status: 200, json: { status: "CAPTURED", capturedMinor: 400 } });
    await ledger.end("SIGKILL");
    await ledger.start();
    const again = await call("POST", `${path}/capture`, { amountMinor: 400, final: true }, shop.key, captureId);
    expect(again).toMatchObject({ status: 200, replayed: true, json: captured.json });
    expect((await call("POST", `${path}/capture`, { amountMinor: 1 }, shop.key, captureId)).json).toMatchObject({
      code: "id_reused",
    });
    expect((await call("POST", `${path}/refund`, { amountMinor: 401 }, shop.key)).json).toMatchObject({
      code: "payment_amount_exceeded",
      status: 422,
    });
    expect(await call("POST", `${path}/refund`, { amountMinor: 150 }, shop.key)).toMatchObject({ status: 200 });
    expect([await balance(payer), await balance(shop)]).toEqual([
      [750, 750],
      [250, 250],
    ]);
    const found = await call("GET", path, undefined, payer.key);
    expect(found).toMatchObject({ status: 200, json: { refundedMinor: 150, payerOwnerId: payer.ownerId } });
    paymentFoundAnswer.parse(found.json);
    const stranger = await party("user");
    expect((await call("GET", path, undefined, stranger.key)).json).toMatchObject({ code: "forbidden" });
  });

  test("is refused with the codes of the contract", async () => {
    const shop = await party("merchant");
    const payer = await party("user", 10);
    const facts = { payerWalletId: payer.walletId, merchantWalletId: shop.walletId, amountMinor: 600, currency: "EGP" };
    const codeOf = async (path: string, body: object, key = shop.key): Promise<unknown> =>
      (await call("POST", path, body, key)).json.code;
    expect(await codeOf(`/payments/${ids.next()}/void`, {})).toBe("payment_not_found");
    expect(await codeOf("/payments/shop/void", {})).toBe("invalid_request");
    expect(await codeOf("/payments", { ...facts, amountMinor: 0 })).toBe("amount_invalid");
    expect(await codeOf("/payments", { ...facts, payerWalletId: "me" })).toBe("invalid_request");
    expect(await codeOf("/payments", { ...facts, merchantWalletId: payer.walletId })).toBe("same_wallet");
    const fee = { walletId: shop.walletId, fixedMinor: 0, basisPoints: 10 };
    expect(await codeOf("/payments", { ...facts, fee })).toBe("forbidden");
    expect(await codeOf("/payments", { ...facts, fee: { ...fee, basisPoints: 10_001 } }, ADMIN_KEY)).toBe(
      "invalid_request",
    );
    const id = ids.next();
    expect(await codeOf("/payments", { ...facts, id })).toBeUndefined();
    expect(await codeOf("/payments", { ...facts, id })).toBe("payment_exists");
    expect(await codeOf(`/payments/${id}/authorize`, {}, payer.key)).toBe("insufficient_funds");
    expect(await codeOf(`/payments/${id}/fail`, { reason: "no money" })).toBeUndefined();
    expect(await codeOf(`/payments/${id}/authorize`, {}, payer.key)).toBe("payment_status_conflict");
    expect((await call("GET", `/payments/${ids.next()}`)).status).toBe(404);
  });

  test("is listed for those who may see it, newest first, a page at a time", async () => {
    const shop = await party("merchant");
    const payer = await party("user", 1_000);
    const facts = { payerWalletId: payer.walletId, merchantWalletId: shop.walletId, amountMinor: 5, currency: "EGP" };
    const made: unknown[] = [];
    const make = async (): Promise<void> => {
      const { json } = await call("POST", "/payments", facts, shop.key);
      made.unshift(json.id);
      // Two of one millisecond on two shards have no order.
      await expect.poll(() => Date.now(), { timeout: 60_000 }).toBeGreaterThan(Date.parse(json.initiatedAt as string));
    };
    for (let count = 0; count < 5; count += 1) await make();
    const list = async (query: string, key = shop.key): Promise<Readonly<Record<string, unknown>>> => {
      const { status, json } = await call("GET", `/payments${query}`, undefined, key);
      expect(status).toBe(200);
      paymentsAnswer.parse(json);
      return json;
    };
    const idsOf = ({ payments }: Readonly<Record<string, unknown>>): unknown =>
      (payments as readonly { readonly id: string }[]).map(({ id }) => id);
    const first = await list("?limit=2");
    await make();
    const second = await list(`?limit=2&cursor=${first.nextCursor}`);
    const third = await list(`?limit=2&cursor=${second.nextCursor}`);
    expect([first, second, third].flatMap(idsOf)).toEqual(made.slice(1));
    expect(third.nextCursor).toBeNull();
    expect(idsOf(await list(""))).toEqual(made);
    expect(idsOf(await list(`?merchantWalletId=${shop.walletId.toUpperCase()}&limit=200`, ADMIN_KEY))).toEqual(made);
    await call("POST", `/payments/${made[1]}/authorize`, {}, payer.key);
    expect(idsOf(await list("?status=AUTHORIZED"))).toEqual([made[1]]);
    expect(idsOf(await list("", payer.key))).toEqual([made[1]]);
    expect(idsOf(await list("?to=2020-01-01T00:00:00Z"))).toEqual([]);
    const { initiatedAt } = (await call("GET", `/payments/${made[2]}`, undefined, shop.key)).json;
    expect(idsOf(await list(`?from=${initiatedAt}`))).toEqual(made.slice(0, 3));
    expect(idsOf(await list(`?to=${initiatedAt}`))).toEqual(made.slice(3));
    const wrong = async (query: string): Promise<unknown> => {
      const { code, field } = (await call("GET", `/payments${query}`)).json;
      return [code, field];
    };
    expect(await wrong("?limit=201")).toEqual(["invalid_request", "limit"]);
    expect(await wrong("?status=PAID")).toEqual(["invalid_request", "status"]);
    expect(await wrong("?from=yesterday")).toEqual(["invalid_request", "from"]);
    expect(await wrong("?cursor=MTI")).toEqual(["cursor_invalid", undefined]);
    await ledger.end("SIGKILL");
    await ledger.start();
    expect(idsOf(await list(`?limit=2&cursor=${second.nextCursor}`))).toEqual(made.slice(5));
  });

  test("is still held where the merchant's wallet on another shard refuses all of it, and is captured later", async () => {
    const shop = await party("merchant", 0, walletIdOn(1));
    const payer = await party("user", 1_000, walletIdOn(0));
    const facts = { payerWalletId: payer.walletId, merchantWalletId: shop.walletId, amountMinor: 600, currency: "EGP" };
    const path = `/payments/${(await call("POST", "/payments", facts, shop.key)).json.id}`;
    await call("POST", `${path}/authorize`, {}, payer.key);
    await call("POST", `/wallets/${shop.walletId}/freeze`);
    for (const body of [{}, { amountMinor: 500, final: true }]) {
      expect((await call("POST", `${path}/capture`, body, shop.key)).json).toMatchObject({
        code: "destination_frozen",
      });
      expect((await call("GET", path)).json).toMatchObject({ status: "AUTHORIZED", capturedMinor: 0 });
      expect(await balance(payer)).toEqual([1_000, 400]);
    }
    await call("POST", `/wallets/${shop.walletId}/unfreeze`);
    expect((await call("POST", `${path}/capture`, {}, shop.key)).json).toMatchObject({ status: "CAPTURED" });
    expect([await balance(payer), await balance(shop)]).toEqual([
      [400, 400],
      [600, 600],
    ]);
  });

  test("is counted among the actors of its type", async () => {
    const counted = async (): Promise<boolean> => {
      const response = await fetch(`${ledger.url}/metrics`, { headers: { authorization: `Bearer ${ADMIN_KEY}` } });
      return /^mizan_actors\{shard="\d",type="Payment"\} [1-9]/m.test(await response.text());
    };
    await expect.poll(counted, { timeout: 60_000 }).toBe(true);
  });

  test("that cannot go on shows as a saga until it can", async () => {
    const shop = await party("merchant");
    const payer = await party("user", 1_000);
    const fees = await party("merchant");
    const facts = { payerWalletId: payer.walletId, merchantWalletId: shop.walletId, amountMinor: 600, currency: "EGP" };
    const fee = { walletId: fees.walletId, fixedMinor: 5, basisPoints: 0 };
    const { json } = await call("POST", "/payments", { ...facts, fee, ownerId: shop.ownerId });
    const path = `/payments/${json.id}`;
    await call("POST", `${path}/authorize`, {}, payer.key);
    await call("POST", `/wallets/${fees.walletId}/freeze`);
    const captureId = ids.next();
    const waiting = await call("POST", `${path}/capture`, {}, shop.key, captureId);
    expect(waiting).toMatchObject({ status: 409, json: { code: "in_progress" } });
    expect((await call("POST", `${path}/void`, {}, shop.key)).json).toMatchObject({ code: "actor_busy" });
    const sagas = await call("GET", "/sagas?parked=false&type=CapturePayment");
    sagasAnswer.parse(sagas.json);
    expect(sagas.json).toMatchObject({ sagas: [{ id: captureId, failure: "destination_frozen", step: 1 }] });
    expect((await call("GET", "/sagas?parked=true")).json).toEqual({ sagas: [], openByType: { CapturePayment: 1 } });
    sagaAnswer.parse((await call("GET", `/sagas/${captureId}`)).json);
    expect((await call("GET", `/sagas/${captureId}`)).json).toMatchObject({ actorId: json.id, status: "DEBITED" });
    expect((await call("POST", `/sagas/${captureId}/retry`, { reason: "now" })).json).toMatchObject({
      code: "saga_not_parked",
    });
    expect((await call("GET", "/sagas", undefined, shop.key)).json).toMatchObject({ code: "forbidden" });
    await call("POST", `/wallets/${fees.walletId}/unfreeze`);
    await expect
      .poll(async () => (await call("POST", `${path}/capture`, {}, shop.key, captureId)).status, {
        timeout: 120_000,
        interval: 200,
      })
      .toBe(200);
    expect([await balance(shop), await balance(fees)]).toEqual([
      [595, 595],
      [5, 5],
    ]);
    await ledger.end("SIGKILL");
    await ledger.start();
    const ended = (await call("GET", `/sagas/${captureId.toUpperCase()}`)).json;
    sagaAnswer.parse(ended);
    expect(ended).toMatchObject({ status: "COMPLETED", code: "ok", actorId: json.id, isComplete: true });
    const timeline = ended.timeline as readonly Readonly<Record<string, unknown>>[];
    expect(timeline.map(({ type }) => type)).toEqual(expect.arrayContaining(["begun", "asked", "done", "delayed"]));
    expect(timeline.slice(-2)).toMatchObject([{ status: "CREDITED" }, { type: "ended" }]);
    const asked = timeline.findLast(({ type }) => type === "asked");
    const { transactions } = (await call("GET", `/wallets/${fees.walletId}/transactions?limit=1`)).json;
    expect(transactions).toMatchObject([{ type: "CaptureHold", id: asked?.commandId }]);
    expect((await call("GET", "/sagas")).json).toEqual({ sagas: [], openByType: {} });
    expect((await call("GET", `/sagas/${json.id}`)).json).toMatchObject({ code: "saga_not_found" });
    expect((await call("GET", `/sagas/${captureId}`, undefined, shop.key)).json).toMatchObject({ code: "forbidden" });
    expect((await call("POST", `/sagas/${captureId}/compensate`, { reason: "late" })).json).toMatchObject({
      code: "saga_not_found",
    });
  }, 180_000);
});
