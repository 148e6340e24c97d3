/** Medical cards over real HTTP, on a real ledger of two shards that is killed in between. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { z } from "zod";
import { CODES, type Code } from "../../protocol/codes.ts";
import {
  beneficiariesAnswer,
  insuranceClaimAnswer,
  insuranceClaimsAnswer,
  medCardAnswer,
  medCardFoundAnswer,
  medCardsAnswer,
  medCardTiersAnswer,
  monthlyLimitAnswer,
  prescriptionAnswer,
  prescriptionFoundAnswer,
  prescriptionsAnswer,
} from "../../protocol/medcard/answers.ts";
import { ADMIN_KEY, LedgerProcess } from "../../test/ledger-process.ts";
import { type Party, RestParties } from "../../test/rest-parties.ts";

let ledger: LedgerProcess;
let rest: RestParties;
beforeAll(async () => {
  ledger = await LedgerProcess.create({ MIZAN_SHARDS: "2" });
  rest = new RestParties(ledger);
  await ledger.start();
});
afterAll(() => ledger.dispose());

interface Card {
  readonly path: string;
  readonly issuer: Party;
  readonly holder: Party;
  readonly clearing: Party;
  readonly pharmacy: Party;
}

type Json = Readonly<Record<string, unknown>>;

function inDays(days: number): string {
  return new Date(Date.now() + days * 86_400_000).toISOString();
}

/** Asks, and expects success and an answer in the shape that its route shows. */
async function ask(
  shape: z.ZodType,
  method: string,
  path: string,
  key: string,
  body?: object,
  id?: string,
): Promise<Json> {
  const { status, json } = await rest.call(method, path, body, key, id);
  expect([status, json.code]).toEqual([expect.toBeOneOf([200, 201]), undefined]);
  shape.parse(json);
  return json;
}

/** A card with 2,000 a month, of which the holder pays a fifth; 5,000 pay for it, and he has 1,000. */
async function issued(more: object = {}): Promise<Card & { readonly json: Json }> {
  const [issuer, holder, clearing, pharmacy] = await Promise.all([
    rest.party("merchant", 5_000),
    rest.party("user", 1_000),
    rest.party("merchant"),
    rest.party("merchant"),
  ]);
  const facts = {
    ownerId: issuer.ownerId,
    holderId: holder.ownerId,
    tier: "SILVER",
    currency: "EGP",
    fundingWalletId: issuer.walletId,
    holderWalletId: holder.walletId,
    clearingWalletId: clearing.walletId,
    monthlyLimitMinor: 2_000,
    expiresAt: inDays(400),
  };
  const { json } = await rest.call("POST", "/medcards", { ...facts, ...more });
  return { path: `/medcards/${json.id}`, issuer, holder, clearing, pharmacy, json };
}

async function active(more: object = {}): Promise<Card> {
  const card = await issued(more);
  await ask(medCardAnswer, "POST", `${card.path}/activate`, card.holder.key);
  return card;
}

function prescription({ holder, pharmacy }: Card, more: object = {}): object {
  const items = [{ code: "6221", quantity: 4, unitPriceMinor: 250 }];
  const facts = { pharmacyWalletId: pharmacy.walletId, beneficiaryId: holder.ownerId, category: "MEDICATION" };
  return { ...facts, totalMinor: 1_000, items, ...more };
}

async function moneys({ issuer, holder, clearing, pharmacy }: Card): Promise<unknown> {
  const balances = await Promise.all([issuer, holder, clearing, pharmacy].map((party) => rest.balance(party)));
  return balances.map(([postedMinor]) => postedMinor);
}

describe("a medical card over REST", () => {
  test("is issued, used, changed and closed by those who may", async () => {
    const card = await issued();
    const { path, issuer, holder, pharmacy } = card;
    medCardAnswer.parse(card.json);
    expect(card.json).toMatchObject({ status: "ISSUED", copaymentBasisPoints: 2_000, beneficiaries: [] });
    expect((await rest.call("POST", `${path}/activate`, {}, issuer.key)).json).toMatchObject({ code: "forbidden" });
    await ask(medCardAnswer, "POST", `${path}/activate`, holder.key);
    const child = rest.ids.next();
    const added = { beneficiaryId: child.toUpperCase(), relation: "CHILD" };
    expect(await ask(medCardAnswer, "POST", `${path}/beneficiaries`, issuer.key, added)).toMatchObject({
      beneficiaries: [{ beneficiaryId: child, relation: "CHILD" }],
    });
    expect(await ask(beneficiariesAnswer, "GET", `${path}/beneficiaries`, holder.key)).toEqual({
      holderId: holder.ownerId,
      beneficiaries: [{ beneficiaryId: child, relation: "CHILD" }],
    });
    const claims = `${path}/claims/prescriptions`;
    const bought = prescription(card, { beneficiaryId: child });
    const commandId = rest.ids.next();
    const claim = await ask(prescriptionAnswer, "POST", claims, holder.key, bought, commandId);
    expect(claim).toMatchObject({ status: "PAID", coveredMinor: 800, copaymentMinor: 200, beneficiaryId: child });
    expect(await moneys(card)).toEqual([4_200, 800, 0, 1_000]);
    await ledger.end("SIGKILL");
    await ledger.start();
    expect(await rest.call("POST", claims, bought, holder.key, commandId)).toMatchObject({
      status: 201,
      replayed: true,
      json: claim,
    });
    expect(await moneys(card)).toEqual([4_200, 800, 0, 1_000]);
    expect(await ask(monthlyLimitAnswer, "GET", `${path}/monthly-limit`, holder.key)).toMatchObject({
      monthlyLimitMinor: 2_000,
      usedMinor: 800,
      leftMinor: 1_200,
      months: [{ month: claim.month, usedMinor: 800 }],
    });
    const one = `${claims}/${claim.claimId}`;
    const { position: _, ...known } = claim;
    expect(await ask(prescriptionFoundAnswer, "GET", one, issuer.key)).toEqual(known);
    const reason = { reason: "returned" };
    expect((await rest.call("POST", `${one}/reverse`, reason, holder.key)).json).toMatchObject({ code: "forbidden" });
    expect(await ask(prescriptionAnswer, "POST", `${one}/reverse`, pharmacy.key, reason)).toMatchObject({
      status: "REVERSED",
    });
    expect(await moneys(card)).toEqual([5_000, 1_000, 0, 0]);
    await ask(medCardAnswer, "DELETE", `${path}/beneficiaries/${child}`, issuer.key);
    const limit = { monthlyLimitMinor: 1_500 };
    expect(await ask(medCardAnswer, "PUT", `${path}/monthly-limit`, issuer.key, limit)).toMatchObject(limit);
    const gold = await ask(medCardAnswer, "POST", `${path}/upgrade`, issuer.key, { tier: "GOLD" });
    const tiers = await ask(medCardTiersAnswer, "GET", "/medcard-tiers", holder.key);
    expect(gold).toMatchObject((tiers.tiers as readonly object[])[2] as object);
    expect(await ask(medCardAnswer, "POST", `${path}/downgrade`, issuer.key, { tier: "BRONZE" })).toMatchObject({
      categories: ["MEDICATION", "CONSULTATION"],
    });
    await ask(medCardAnswer, "POST", `${path}/suspend`, issuer.key, { reason: "stolen" });
    expect(await ask(medCardFoundAnswer, "GET", path, holder.key)).toMatchObject({
      status: "SUSPENDED",
      reason: "stolen",
    });
    await ask(medCardAnswer, "POST", `${path}/reactivate`, issuer.key);
    const expiresAt = inDays(800);
    expect(await ask(medCardAnswer, "POST", `${path}/renew`, issuer.key, { expiresAt })).toMatchObject({ expiresAt });
    await ask(medCardAnswer, "POST", `${path}/close`, issuer.key, { reason: "moved away" });
    expect((await rest.call("GET", path, undefined, pharmacy.key)).json).toMatchObject({ code: "forbidden" });
  });

  test("has insurance claims on which its issuer decides", async () => {
    const card = await active();
    const { path, issuer, holder } = card;
    const claims = `${path}/claims/insurance`;
    const facts = { beneficiaryId: holder.ownerId, category: "LABORATORY", amountMinor: 900 };
    const claimId = rest.ids.next();
    const filed = await ask(insuranceClaimAnswer, "POST", claims, holder.key, { claimId, ...facts });
    expect(filed).toMatchObject({ claimId, status: "SUBMITTED", amountMinor: 900 });
    const other = await ask(insuranceClaimAnswer, "POST", claims, holder.key, facts);
    const approved = { approvedMinor: 700 };
    await ask(insuranceClaimAnswer, "POST", `${claims}/${claimId}/approve`, issuer.key, approved);
    expect((await rest.call("POST", `${claims}/${claimId}/pay`, {}, holder.key)).json).toMatchObject({
      code: "forbidden",
    });
    expect(await ask(insuranceClaimAnswer, "POST", `${claims}/${claimId}/pay`, issuer.key)).toMatchObject({
      status: "PAID",
      ...approved,
    });
    await ask(insuranceClaimAnswer, "POST", `${claims}/${other.claimId}/reject`, issuer.key, { reason: "no receipt" });
    expect(await moneys(card)).toEqual([4_300, 1_700, 0, 0]);
    const list = await ask(insuranceClaimsAnswer, "GET", `${claims}?status=REJECTED`, holder.key);
    expect(list).toMatchObject({ claims: [{ claimId: other.claimId }], nextCursor: null });
  });

  test("shows its claims newest first, a page at a time", async () => {
    const card = await active();
    const { path, holder, pharmacy } = card;
    const claims = `${path}/claims/prescriptions`;
    const made: unknown[] = [];
    for (const unitPriceMinor of [10, 20, 30, 40, 50]) {
      const bought = prescription(card, {
        totalMinor: unitPriceMinor,
        items: [{ code: "a", quantity: 1, unitPriceMinor }],
      });
      made.unshift((await ask(prescriptionAnswer, "POST", claims, holder.key, bought)).claimId);
    }
    await ask(prescriptionAnswer, "POST", `${claims}/${made[2]}/reverse`, pharmacy.key, { reason: "returned" });
    const page = async (query: string): Promise<readonly [ids: unknown, nextCursor: unknown]> => {
      const json = await ask(prescriptionsAnswer, "GET", `${claims}${query}`, holder.key);
      const listed = json.prescriptions as readonly Json[];
      return [listed.map(({ claimId }) => claimId), json.nextCursor];
    };
    expect(await page("")).toEqual([made, null]);
    expect(await page("?limit=2")).toEqual([made.slice(0, 2), made[1]]);
    expect(await page(`?limit=2&cursor=${made[1]}&status=PAID`)).toEqual([made.slice(3), null]);
    expect(await page(`?status=REVERSED&pharmacyWalletId=${pharmacy.walletId}`)).toEqual([[made[2]], null]);
    expect(await page(`?month=2020-01&category=MEDICATION&beneficiaryId=${holder.ownerId}`)).toEqual([[], null]);
    const wrong = async (query: string): Promise<unknown> => {
      const { code, field } = (await rest.call("GET", `${claims}${query}`)).json;
      return [code, field];
    };
    expect(await wrong(`?cursor=${rest.ids.next()}`)).toEqual(["cursor_invalid", undefined]);
    expect(await wrong("?limit=0")).toEqual(["invalid_request", "limit"]);
    expect(await wrong("?month=May")).toEqual(["invalid_request", "month"]);
  });

  test("is listed for those who may see it", async () => {
    const [one, other] = [await active(), await issued()];
    const idsOf = async (query: string, key: string): Promise<unknown> =>
      ((await ask(medCardsAnswer, "GET", `/medcards${query}`, key)).cards as readonly Json[]).map(({ id }) => id);
    const id = one.path.slice("/medcards/".length);
    expect(await idsOf("", one.holder.key)).toEqual([id]);
    expect(await idsOf("", one.issuer.key)).toEqual([id]);
    expect(await idsOf("", one.pharmacy.key)).toEqual([]);
    expect(await idsOf(`?holderId=${one.holder.ownerId}&tier=SILVER`, ADMIN_KEY)).toEqual([id]);
    expect(await idsOf(`?status=ISSUED&ownerId=${other.issuer.ownerId}`, ADMIN_KEY)).toEqual([other.json.id]);
    expect(await idsOf(`?fundingWalletId=${one.issuer.walletId}&status=CLOSED`, ADMIN_KEY)).toEqual([]);
  });
});

/** How each code comes about that a caller can meet; the answer's code, on a card that is active. */
const REFUSALS: readonly (readonly [Code, string, (card: Card) => Promise<Json>])[] = [
  ["medcard_not_found", "no card", () => post(`/medcards/${crypto.randomUUID()}/close`, { reason: "?" })],
  [
    "medcard_not_found",
    "a look at no card",
    async () => (await rest.call("GET", `/medcards/${crypto.randomUUID()}`)).json,
  ],
  ["medcard_exists", "an id that a card has", async ({ path }) => (await issued({ id: path.slice(10) })).json],
  ["forbidden", "a card issued by a merchant", ({ issuer }) => post("/medcards", cardOf(issuer), issuer.key)],
  ["expiry_invalid", "a card whose time is over", async () => (await issued({ expiresAt: inDays(-1) })).json],
  ["expiry_invalid", "a renewal that shortens", ({ path }) => post(`${path}/renew`, { expiresAt: inDays(1) })],
  [
    "same_wallet",
    "one wallet for two parts",
    async ({ pharmacy }) => {
      const { walletId } = pharmacy;
      return (await issued({ fundingWalletId: walletId, clearingWalletId: walletId })).json;
    },
  ],
  ["medcard_status_conflict", "activating twice", ({ path }) => post(`${path}/activate`)],
  ["beneficiary_not_found", "a stranger's claim", (card) => claim(card, { beneficiaryId: crypto.randomUUID() })],
  [
    "beneficiary_not_found",
    "removing a stranger",
    async ({ path }) => (await rest.call("DELETE", `${path}/beneficiaries/${crypto.randomUUID()}`)).json,
  ],
  [
    "beneficiary_exists",
    "adding the holder",
    ({ path, holder }) => post(`${path}/beneficiaries`, { beneficiaryId: holder.ownerId, relation: "OTHER" }),
  ],
  ["category_not_covered", "teeth on SILVER", (card) => claim(card, { category: "DENTAL" })],
  [
    "pharmacy_not_covered",
    "another pharmacy",
    async (card) => claim(await active({ pharmacyWalletIds: [card.pharmacy.walletId] })),
  ],
  ["items_total_mismatch", "items that add up to less", (card) => claim(card, { totalMinor: 1_001 })],
  [
    "medcard_limit_exceeded",
    "more than is left of the month",
    async (card) => {
      await claim(card);
      await claim(card);
      return claim(card);
    },
  ],
  ["tier_order_invalid", "an upgrade to less", ({ path }) => post(`${path}/upgrade`, { tier: "BRONZE" })],
  ["tier_order_invalid", "a downgrade to the same", ({ path }) => post(`${path}/downgrade`, { tier: "SILVER" })],
  [
    "claim_not_found",
    "no such prescription",
    ({ path }) => post(`${path}/claims/prescriptions/${crypto.randomUUID()}/reverse`, { reason: "?" }),
  ],
  [
    "claim_not_found",
    "a look at no claim",
    async ({ path }) => (await rest.call("GET", `${path}/claims/insurance/${crypto.randomUUID()}`)).json,
  ],
  [
    "claim_exists",
    "a claim's id again",
    async (card) => {
      const claimId = crypto.randomUUID();
      await claim(card, { claimId });
      return claim(card, { claimId });
    },
  ],
  [
    "claim_status_conflict",
    "paying what is not approved",
    async (card) => post(`${card.path}/claims/insurance/${(await insured(card)).claimId}/pay`),
  ],
  [
    "claim_amount_exceeded",
    "approving more than is claimed",
    async (card) =>
      post(`${card.path}/claims/insurance/${(await insured(card)).claimId}/approve`, { approvedMinor: 101 }),
  ],
  [
    "claims_open",
    "closing a card with an open claim",
    async (card) => {
      await insured(card);
      return post(`${card.path}/close`, { reason: "?" });
    },
  ],
  [
    "insufficient_funds",
    "a copayment that the holder cannot pay",
    async (card) => {
      await post(`/wallets/${card.holder.walletId}/debit`, { amountMinor: 900 });
      return claim(card);
    },
  ],
  [
    "destination_frozen",
    "a pharmacy that gets nothing",
    async (card) => {
      await post(`/wallets/${card.pharmacy.walletId}/freeze`);
      return claim(card);
    },
  ],
  ["invalid_request", "an unknown tier", ({ path }) => post(`${path}/upgrade`, { tier: "DIAMOND" })],
  ["invalid_request", "a time zone that is none", async () => (await issued({ timeZone: "Cairo" })).json],
  ["invalid_request", "a claim's id that is none", ({ path }) => post(`${path}/claims/insurance/first/pay`)],
  ["invalid_request", "an empty reason", ({ path }) => post(`${path}/suspend`, { reason: "" })],
  ["invalid_request", "no card's id", () => post("/medcards/mine/activate")],
  ["amount_invalid", "a claim of nothing", (card) => claim(card, { totalMinor: 0 })],
];

async function post(path: string, body: object = {}, key?: string): Promise<Json> {
  return (await rest.call("POST", path, body, key)).json;
}

function claim(card: Card, more: object = {}): Promise<Json> {
  return post(`${card.path}/claims/prescriptions`, prescription(card, more), card.holder.key);
}

function insured(card: Card): Promise<Json> {
  const facts = { beneficiaryId: card.holder.ownerId, category: "LABORATORY", amountMinor: 100 };
  return post(`${card.path}/claims/insurance`, facts, card.holder.key);
}

function cardOf({ ownerId }: Party): object {
  const [fundingWalletId, holderWalletId, clearingWalletId] = [rest.ids.next(), rest.ids.next(), rest.ids.next()];
  const wallets = { fundingWalletId, holderWalletId, clearingWalletId };
  return { holderId: ownerId, tier: "GOLD", currency: "EGP", ...wallets, expiresAt: inDays(1) };
}

describe("what is refused moves nothing and says why", () => {
  test.each(REFUSALS)("%s: %s", async (code, _, cause) => {
    const card = await active();
    expect(await cause(card)).toMatchObject({ code, status: CODES[code].http });
    expect((await rest.balance(card.clearing))[0]).toBe(0);
  });

  test("beneficiaries_full: more persons than a card covers", async () => {
    const { path } = await active();
    const add = (): Promise<Json> =>
      post(`${path}/beneficiaries`, { beneficiaryId: rest.ids.next(), relation: "OTHER" });
    for (let count = 0; count < 20; count += 1) expect(await add()).not.toHaveProperty("code");
    expect(await add()).toMatchObject({ code: "beneficiaries_full" });
  });

  test("claims_full: more open insurance claims than a card takes", async () => {
    const card = await active();
    for (let count = 0; count < 50; count += 1) expect(await insured(card)).not.toHaveProperty("code");
    expect(await insured(card)).toMatchObject({ code: "claims_full" });
  });

  test("medcard_expired: a card that nobody activated in time", async () => {
    // Issuing may take longer than the card lasts.
    let card: Awaited<ReturnType<typeof issued>> | undefined;
    for (let lastsMs = 500; card?.json.expiresAt === undefined; lastsMs *= 2) {
      card = await issued({ expiresAt: new Date(Date.now() + lastsMs).toISOString() });
    }
    const { expiresAt } = card.json;
    await expect.poll(() => Date.now(), { timeout: 120_000 }).toBeGreaterThan(Date.parse(expiresAt as string));
    expect(await post(`${card.path}/activate`, {}, card.holder.key)).toMatchObject({ code: "medcard_expired" });
  });
});
