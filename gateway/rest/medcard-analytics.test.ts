/** What medical cards have spent, over real HTTP, on a real ledger of two shards that is killed in between. */

import { afterAll, beforeAll, expect, test } from "vitest";
import { monthOf } from "../../engine/medcard/month.ts";
import { cardAnalyticsAnswer, cardsAnalyticsAnswer } from "../../protocol/medcard/analytics.ts";
import { LedgerProcess } from "../../test/ledger-process.ts";
import { MedCardParty } from "../../test/medcard-party.ts";

const MONTH = monthOf("Africa/Cairo", Date.now());

let ledger: LedgerProcess;
let party: MedCardParty;
beforeAll(async () => {
  ledger = await LedgerProcess.create({ MIZAN_SHARDS: "2" });
  await ledger.start();
  party = await MedCardParty.meet(ledger);
});
afterAll(async () => {
  party.leave();
  await ledger.dispose();
});

async function read(path: string, key?: string): Promise<Readonly<Record<string, unknown>>> {
  const { json } = await party.get(`/medcards${path}`, key);
  return json;
}

test("a card's months, and those of all cards, say what was paid, and no longer what is reversed", async () => {
  const [card, other] = [await party.issue(), await party.issue()];
  await party.claim(card, 1_000);
  const returned = await party.claim(card, 500, { category: "LABORATORY", pharmacyWalletId: party.otherPharmacy });
  await party.claim(other, 300);
  await party.command(card, { type: "ReversePrescription", claimId: returned, reason: "returned" });
  await ledger.end("SIGKILL");
  await ledger.start();
  const spent = { claims: 1, coveredMinor: 800, copaymentMinor: 200 };
  const one = cardAnalyticsAnswer.parse(await read(`/${card}/analytics?by=category`, party.holder.key));
  expect(one).toMatchObject({
    cardId: card,
    months: [
      { month: MONTH, usedMinor: 800, utilisationBasisPoints: 16, ...spent, groups: [{ key: "MEDICATION", ...spent }] },
    ],
  });
  const groupsBy = async (by: string): Promise<unknown> =>
    cardAnalyticsAnswer.parse(await read(`/${card}/analytics?by=${by}`)).months[0].groups?.map(({ key }) => key);
  expect(await groupsBy("pharmacy")).toEqual([party.pharmacy]);
  expect(await groupsBy("beneficiary")).toEqual([party.holder.ownerId]);
  const all = cardsAnalyticsAnswer.parse(await read("/analytics?by=pharmacy", party.issuer.key));
  const sums = { claims: 2, coveredMinor: "1040", copaymentMinor: "260" };
  expect(all).toEqual({
    currencies: [
      {
        currency: "EGP",
        cards: 2,
        activeCards: 2,
        monthlyLimitMinor: "1000000",
        months: [
          {
            month: MONTH,
            usedMinor: "1040",
            utilisationBasisPoints: 10,
            ...sums,
            groups: [{ key: party.pharmacy, ...sums }],
          },
        ],
      },
    ],
  });
  expect(await read(`/analytics?by=pharmacy&ownerId=${party.issuer.ownerId}`)).toEqual(all);
});

test("months are asked for from one to another, and what is wrong is refused", async () => {
  const card = await party.issue();
  await party.claim(card, 100);
  expect(await read(`/${card}/analytics?from=2001-01&to=2001-12`)).toMatchObject({ months: [] });
  expect(await read(`/${card}/analytics?to=${MONTH}`)).toMatchObject({ months: [{ month: MONTH }] });
  expect(await read("/analytics?from=2001-01")).toMatchObject({ currencies: [{ months: [] }] });
  expect(await read("/analytics", party.holder.key)).toEqual({ currencies: [] });
  for (const [path, field] of [
    ["/analytics?from=2001-01&to=2002-02", "from"],
    ["/analytics?from=2001-02&to=2001-01", "from"],
    ["/analytics?from=2001-13", "from"],
    ["/analytics?by=moon", "by"],
    [`/${card}/analytics?to=March`, "to"],
    ["/me/analytics", "id"],
  ]) {
    expect(await read(path), path).toMatchObject({ code: "invalid_request", field });
  }
  expect(await read(`/${party.newId()}/analytics`)).toMatchObject({ code: "medcard_not_found" });
  expect(await read(`/${card}/analytics`, party.stranger.key)).toMatchObject({ code: "forbidden" });
});
