/** Merchants over real HTTP, on a real ledger of two shards that is killed in between. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { UuidV7 } from "../../protocol/ids.ts";
import {
  merchantAnswer,
  merchantFoundAnswer,
  merchantsAnswer,
  settlementAnswer,
  settlementsAnswer,
} from "../../protocol/merchant/answers.ts";
import { paymentAnswer } from "../../protocol/payment/answers.ts";
import { JsonSocket } from "../../test/json-socket.ts";
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

type Answer = Awaited<ReturnType<RestParties["call"]>>;
const call: RestParties["call"] = (...asked) => rest.call(...asked);

async function done(method: string, path: string, body?: object, key = ADMIN_KEY): Promise<Answer["json"]> {
  const { status, json } = await call(method, path, body, key);
  if (status >= 300) throw new Error(`${method} ${path}: ${JSON.stringify(json)}`);
  return json;
}

async function wallet(ownerId: string, fundsMinor = 0): Promise<string> {
  const id = ids.next();
  await done("POST", "/wallets", { id, ownerId, currency: "EGP" });
  await done("POST", `/wallets/${id}/activate`);
  if (fundsMinor > 0) await done("POST", `/wallets/${id}/credit`, { amountMinor: fundsMinor });
  return id;
}

async function balance(walletId: string): Promise<unknown> {
  return (await done("GET", `/wallets/${walletId}/balance`)).postedMinor;
}

interface Shop {
  readonly id: string;
  readonly key: string;
  readonly facts: Readonly<Record<string, unknown>> & { readonly walletId: string; readonly payoutWalletId: string };
  readonly payer: { readonly key: string; readonly walletId: string };
  readonly courier: string;
  readonly fees: string;
}

async function keyOf(role: "merchant" | "user", ownerId: string): Promise<string> {
  return (await done("POST", "/api-keys", { name: role, role, ownerId })).key as string;
}

/** A merchant whose payments cost 5 and 2 %. */
async function shop(): Promise<Shop> {
  const [ownerId, payingId, othersId] = [ids.next(), ids.next(), ids.next()];
  const [walletId, payoutWalletId, courier, fees] = await Promise.all(
    [ownerId, ownerId, othersId, othersId].map((owner) => wallet(owner)),
  );
  const facts = {
    name: "Koshary",
    ownerId,
    walletId,
    payoutWalletId,
    currency: "EGP",
    fee: { walletId: fees, fixedMinor: 5, basisPoints: 200 },
    settlement: { every: "week", weekday: 7, hour: 3, timeZone: "Africa/Cairo" },
  };
  const { id } = merchantAnswer.parse(await done("POST", "/merchants", facts));
  const payer = { key: await keyOf("user", payingId), walletId: await wallet(payingId, 10_000) };
  return { id, key: await keyOf("merchant", ownerId), facts, payer, courier, fees };
}

/** A payment that is captured, of which a tenth is the courier's. */
async function captured({ id: merchantId, key, payer, courier }: Shop, amountMinor = 1_000): Promise<string> {
  const splits = [{ walletId: courier, basisPoints: 1_000 }];
  const facts = { payerWalletId: payer.walletId, merchantId, amountMinor, currency: "EGP", splits };
  const { id } = paymentAnswer.parse(await done("POST", "/payments", facts, key));
  await done("POST", `/payments/${id}/authorize`, {}, payer.key);
  await done("POST", `/payments/${id}/capture`, {}, key);
  return id;
}

describe("a merchant over REST", () => {
  test("is registered, changed, suspended, reactivated and closed by admins, and seen by its owner", async () => {
    const one = await shop();
    const path = `/merchants/${one.id}`;
    const found = merchantFoundAnswer.parse((await call("GET", path, undefined, one.key)).json);
    expect(found).toMatchObject({ ...one.facts, id: one.id, status: "ACTIVE", minimumPayoutMinor: 1 });
    expect(await call("GET", path, undefined, one.payer.key)).toMatchObject({ status: 403 });
    expect(await call("GET", `/merchants/${ids.next()}`)).toMatchObject({
      status: 404,
      json: { code: "merchant_not_found" },
    });
    expect(await call("POST", "/merchants", one.facts, one.key)).toMatchObject({ status: 403 });
    expect(await call("POST", "/merchants", { ...one.facts, id: one.id })).toMatchObject({
      status: 409,
      json: { code: "merchant_exists" },
    });
    const wrong = { ...one.facts, settlement: { every: "day", hour: 24, timeZone: "Cairo" } };
    expect(await call("POST", "/merchants", wrong)).toMatchObject({ status: 400, json: { code: "invalid_request" } });
    const fee = { walletId: one.fees, fixedMinor: 0, basisPoints: 50 };
    expect(await done("PUT", `${path}/fee-rule`, { fee })).toMatchObject({ fee, version: 2 });
    expect(await call("PUT", `${path}/fee-rule`, {}, one.key)).toMatchObject({ status: 403 });
    const rule = { minimumPayoutMinor: 500, settlement: { every: "month", hour: 0, timeZone: "Africa/Cairo" } };
    expect(await done("PUT", `${path}/settlement-rule`, rule, one.key)).toMatchObject(rule);
    expect(await done("POST", `${path}/suspend`, { reason: "looked at" })).toMatchObject({ status: "SUSPENDED" });
    const listed = merchantsAnswer.parse((await call("GET", "/merchants?status=SUSPENDED", undefined, one.key)).json);
    expect(listed.merchants.map(({ id }) => id)).toEqual([one.id]);
    expect(await done("POST", `${path}/reactivate`, {})).toMatchObject({ status: "ACTIVE" });
    const closed = await done("POST", `${path}/close`, { reason: "moved away" });
    expect(merchantAnswer.parse(closed)).toMatchObject({ status: "CLOSED", reason: "moved away" });
    expect(await call("POST", `${path}/suspend`, { reason: "late" })).toMatchObject({
      status: 422,
      json: { code: "merchant_status_conflict" },
    });
  });

  test("says what its payments cost, and takes none while it is suspended", async () => {
    const one = await shop();
    const facts = { payerWalletId: one.payer.walletId, merchantId: one.id, amountMinor: 1_000, currency: "EGP" };
    const id = ids.next();
    const first = await call("POST", "/payments", facts, one.key, id);
    expect(first).toMatchObject({
      status: 201,
      json: { merchantId: one.id, fee: one.facts.fee, ownerId: one.facts.ownerId },
    });
    await done("PUT", `/merchants/${one.id}/fee-rule`, {});
    await done("POST", `/merchants/${one.id}/suspend`, { reason: "looked at" });
    expect(await call("POST", "/payments", facts, one.key, id)).toEqual({ ...first, replayed: true });
    const late = ids.next();
    const refused = { status: 422, json: { code: "merchant_status_conflict" } };
    expect(await call("POST", "/payments", facts, one.key, late)).toMatchObject({ ...refused, replayed: false });
    await done("POST", `/merchants/${one.id}/reactivate`, {});
    expect(await call("POST", "/payments", facts, one.key, late)).toMatchObject({ ...refused, replayed: true });
    expect((await done("POST", "/payments", facts, one.key)).fee).toBeUndefined();
    const nobody = { ...facts, merchantId: ids.next() };
    expect(await call("POST", "/payments", nobody, one.key)).toMatchObject({ json: { code: "merchant_not_found" } });
    expect(await call("POST", "/payments", facts, one.payer.key)).toMatchObject({ json: { code: "forbidden" } });
    const both = { ...facts, merchantWalletId: one.facts.walletId };
    expect(await call("POST", "/payments", both, one.key)).toMatchObject({ json: { code: "invalid_request" } });
    const page = await done("GET", `/payments?merchantId=${one.id}`, undefined, one.key);
    expect(page.payments).toHaveLength(2);
  });

  test("says it over sockets, too", async () => {
    const one = await shop();
    const socket = await JsonSocket.open(ledger.url);
    const facts = { payerWalletId: one.payer.walletId, merchantId: one.id, amountMinor: 1_000, currency: "EGP" };
    const onPayment = (merchantId: string): object => ({
      type: "ActorCommand",
      id: ids.next(),
      actor: "Payment",
      actorId: ids.next(),
      command: { type: "InitiatePayment", ...facts, merchantId },
    });
    expect(await socket.ask(onPayment(one.id))).toMatchObject({ ok: true, result: { state: { fee: one.facts.fee } } });
    const commands = [onPayment(one.id), onPayment(ids.next()), onPayment(one.id)];
    expect(await socket.ask({ type: "Batch", commands })).toMatchObject({
      result: { results: [{ ok: true }, { ok: false, error: { code: "merchant_not_found" } }, { ok: true }] },
    });
    socket.close();
  });
});

describe("the batches of a merchant over REST", () => {
  test("hold what was captured, less fees, parts of others and refunds, and their reports equal the ledger", async () => {
    const one = await shop();
    const { walletId, payoutWalletId } = one.facts;
    await captured(one);
    const refunded = await captured(one);
    await done("POST", `/payments/${refunded}/refund`, { amountMinor: 500 }, one.key);
    await done("POST", `/wallets/${walletId}/credit`, { amountMinor: 7 });
    // Whoever says of his own money that it is part of a payment is not believed.
    const payerPath = `/wallets/${one.payer.walletId}`;
    const hold = await done("POST", `${payerPath}/holds`, { amountMinor: 9 }, one.payer.key);
    const told = { merchantId: one.id, capturedMinor: 1_009, feeMinor: 1_000, splitsMinor: 0 };
    const capture = { walletId: one.payer.walletId, toWalletId: walletId, metadata: told };
    await done("POST", `/holds/${hold.id}/captures`, capture, one.payer.key);
    expect(await call("POST", `/merchants/${one.id}/settle`, {}, one.key)).toMatchObject({ status: 403 });
    const closing = await call("POST", `/merchants/${one.id}/settle`, {}, ADMIN_KEY, ids.next());
    merchantAnswer.parse(closing.json);
    // Of each payment 25 are the fee and 100 the courier's, who gives back 50 of the refund.
    const payoutMinor = 2 * 875 - 450 + 7 + 9;
    expect([await balance(walletId), await balance(payoutWalletId), await balance(one.courier)]).toEqual([
      0,
      payoutMinor,
      150,
    ]);

    await ledger.end("SIGKILL");
    await ledger.start();
    await captured(one, 200);
    await done("POST", `/merchants/${one.id}/settle`, {});

    const { settlements } = settlementsAnswer.parse(
      (await call("GET", `/merchants/${one.id}/settlements`, undefined, one.key)).json,
    );
    expect(settlements.map(({ number, payoutMinor: paid }) => [number, paid])).toEqual([
      [2, 171],
      [1, payoutMinor],
    ]);
    const path = `/merchants/${one.id}/settlements`;
    const first = settlementAnswer.parse((await call("GET", `${path}/1`, undefined, one.key)).json);
    expect(first).toMatchObject({
      openingMinor: 0,
      capturedMinor: 2_000,
      feesMinor: 50,
      splitsMinor: 200,
      refundedMinor: 500,
      splitsReturnedMinor: 50,
      otherInMinor: 16,
      otherOutMinor: 0,
      payoutMinor,
      payoutsMinor: payoutMinor,
      closingMinor: 0,
      isBalanced: true,
    });
    expect(await balance(one.fees)).toBe(first.feesMinor + 9);
    const second = settlementAnswer.parse((await call("GET", `${path}/2`)).json);
    expect(second).toMatchObject({
      openingMinor: 0,
      capturedMinor: 200,
      feesMinor: 9,
      payoutMinor: 171,
      isBalanced: true,
    });
    expect(await call("GET", `${path}/3`)).toMatchObject({ status: 404, json: { code: "settlement_not_found" } });
    expect(await call("GET", `${path}/one`)).toMatchObject({ status: 400, json: { field: "number" } });
    expect(await call("GET", `${path}/1`, undefined, one.payer.key)).toMatchObject({ status: 403 });

    const csv = await fetch(`${ledger.url}/api/v1${path}/1?format=csv`, {
      headers: { authorization: `Bearer ${one.key}` },
    });
    expect(csv.headers.get("content-type")).toContain("text/csv");
    const [columns = "", line = ""] = (await csv.text()).split("\r\n");
    const cells = line.split(",");
    const row = Object.fromEntries(columns.split(",").map((name, index) => [name, cells[index]]));
    expect(row).toMatchObject({ merchantId: one.id, number: "1", feesMinor: "50", isBalanced: "true" });
  });
});
