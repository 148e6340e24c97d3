import { createHash, createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { Fawry, fawryCallbackSignature } from "./fawry.ts";
import { Paymob, paymobSignedText } from "./paymob.ts";
import { ProviderCalls } from "./provider-calls.ts";
import { isSignature } from "./signature.ts";

const LIMITS = { timeoutMs: 1, concurrentMax: 1, queuedMax: 0, breakerFailures: 1, breakerOpenMs: 1 };
const noQuery = (): null => null;

/** **Source**: the examples of github.com/fawry-api/fawry and fawry-node, which sign no merchant reference. */
test("the signature of a notification of FawryPay is that of the public example", () => {
  const told = {
    requestId: "c72827d084ea4b88949d91dd2db4996e",
    fawryRefNumber: "970177",
    paymentAmount: 152.0,
    orderAmount: 150.0,
    fawryFees: 2.0,
    orderStatus: "NEW",
    paymentMethod: "PAYATFAWRY",
  };
  const right = "b0175565323e464b01dc9407160368af5568196997fb6e379374a4f4fbbcf587";
  expect(Buffer.from(fawryCallbackSignature(told, "fawry_secure_key")).toString("hex")).toBe(right);
  expect(Buffer.from(fawryCallbackSignature({ ...told, paymentAmount: "152.00" }, "fawry_secure_key"))).toEqual(
    Buffer.from(right, "hex"),
  );
  const paid = { ...told, merchantRefNumber: "m1", paymentRefrenceNumber: "p1" };
  const text = "970177m1152.00150.00NEWPAYATFAWRYp1key";
  expect(Buffer.from(fawryCallbackSignature(paid, "key"))).toEqual(createHash("sha256").update(text).digest());
});

const TRANSACTION = {
  amount_cents: 100_000,
  created_at: "2024-06-13T11:33:44.592345",
  currency: "EGP",
  error_occured: false,
  has_parent_transaction: false,
  id: 192_036_465,
  integration_id: 4_097_558,
  is_3d_secure: true,
  is_auth: false,
  is_capture: false,
  is_refunded: false,
  is_standalone_payment: true,
  is_voided: false,
  order: { id: 217_503_754, merchant_order_id: "018f3c6e-0000-7000-8000-0000000000ff" },
  owner: 302_852,
  pending: false,
  source_data: { pan: "2346", type: "card", sub_type: "MasterCard" },
  success: true,
};

/** **Source**: developers.paymob.com, HMAC Transaction Callback, the concatenated string of step 2. */
test("what is signed of a transaction of Paymob is the text of the public example", () => {
  expect(paymobSignedText(TRANSACTION)).toBe(
    "1000002024-06-13T11:33:44.592345EGPfalsefalse1920364654097558truefalsefalsefalsetruefalse217503754302852false2346MasterCardcardtrue",
  );
});

test("a callback of Paymob is taken with the right signature alone", () => {
  const keys = { baseUrl: "", secretKey: "", publicKey: "", apiKey: "", hmacSecret: "h", integrations: { card: 1 } };
  const paymob = new Paymob(keys, new ProviderCalls(LIMITS));
  const told = (obj: object, type = "TRANSACTION"): Uint8Array => Buffer.from(JSON.stringify({ type, obj }));
  const signed = (obj: Readonly<Record<string, unknown>>): string =>
    createHmac("sha512", "h").update(paymobSignedText(obj)).digest("hex");
  const take = (obj: typeof TRANSACTION, hmac: string | null): unknown =>
    paymob.verifyWebhook({ body: told(obj), query: (name) => (name === "hmac" ? hmac : null) });
  expect(take(TRANSACTION, signed(TRANSACTION))).toMatchObject({
    orderId: TRANSACTION.order.merchant_order_id,
    status: { state: "paid", transactionId: "192036465", amountMinor: 100_000, currency: "EGP" },
  });
  for (const wrong of [null, "", "zz", signed(TRANSACTION).slice(1), signed(TRANSACTION).replace(/./, "x")]) {
    expect(take(TRANSACTION, wrong)).toBe("callback_signature_invalid");
  }
  expect(take({ ...TRANSACTION, amount_cents: 1 }, signed(TRANSACTION))).toBe("callback_signature_invalid");
  const declined = { ...TRANSACTION, success: false };
  expect(take(declined, signed(declined))).toMatchObject({ status: { state: "pending" } });
  const refund = { ...TRANSACTION, has_parent_transaction: true };
  expect(take(refund, signed(refund))).toMatchObject({ status: { state: "pending" } });
  expect(paymob.verifyWebhook({ body: told(TRANSACTION, "TOKEN"), query: noQuery })).toBe("callback_malformed");
  expect(paymob.verifyWebhook({ body: Buffer.from("{"), query: noQuery })).toBe("callback_malformed");
});

test("a notification of FawryPay is taken with the right signature alone", () => {
  const fawry = new Fawry({ baseUrl: "", merchantCode: "m", secureKey: "k" }, new ProviderCalls(LIMITS));
  const facts = {
    fawryRefNumber: "970177",
    merchantRefNumber: "018f3c6e-0000-7000-8000-0000000000ff",
    paymentAmount: 152,
    orderAmount: 150,
    orderStatus: "PAID",
    paymentMethod: "PAYATFAWRY",
  };
  const take = (told: object): unknown =>
    fawry.verifyWebhook({ body: Buffer.from(JSON.stringify(told)), query: noQuery });
  const messageSignature = Buffer.from(fawryCallbackSignature(facts, "k")).toString("hex");
  expect(take({ ...facts, messageSignature })).toMatchObject({
    orderId: facts.merchantRefNumber,
    status: { state: "paid", transactionId: "970177", amountMinor: 15_000, currency: "EGP" },
  });
  expect(take({ ...facts, orderAmount: 1, messageSignature })).toBe("callback_signature_invalid");
  expect(take(facts)).toBe("callback_signature_invalid");
  const odd = { ...facts, orderStatus: "SHIPPED" };
  const oddSignature = Buffer.from(fawryCallbackSignature(odd, "k")).toString("hex");
  expect(take({ ...odd, messageSignature: oddSignature })).toBe("callback_malformed");
});

test("a signature is compared in full, in hexadecimal digits of either case", () => {
  const right = Buffer.from("00ff", "hex");
  expect(["00ff", "00FF"].map((given) => isSignature(given, right))).toEqual([true, true]);
  expect([undefined, "", "00fe", "00", "00ff00", "00fg"].map((given) => isSignature(given, right))).toEqual(
    Array(6).fill(false),
  );
});
