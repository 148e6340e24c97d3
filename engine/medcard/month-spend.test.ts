import { expect, test } from "vitest";
import type { MedCardEvent } from "../../protocol/medcard/events.ts";
import { activated, CHILD, claimed, given, issued, paid, refused, reversed } from "../../test/medcard-specimen.ts";
import { KEYS_KEPT, MONTHS_KEPT, OTHER, spendOf } from "./month-spend.ts";

const active = [issued, activated];

test("a claim is spent when it is paid, in the month in which it was claimed, and no longer when it is reversed", () => {
  const one = { claims: 1, coveredMinor: 800, copaymentMinor: 200 };
  const none = { claims: 0, coveredMinor: 0, copaymentMinor: 0 };
  expect(given([...active, claimed])).toMatchObject({ months: [{ usedMinor: 800 }], spend: [] });
  expect(given([...active, claimed, refused])).toMatchObject({ months: [{ usedMinor: 0 }], spend: [] });
  const inMarch = (sum: object): object => ({
    month: "2026-03",
    ...sum,
    categories: [{ key: "MEDICATION", ...sum }],
    pharmacies: [{ key: claimed.pharmacyWalletId, ...sum }],
    beneficiaries: [{ key: claimed.beneficiaryId, ...sum }],
  });
  expect(given([...active, claimed, paid])?.spend).toEqual([inMarch(one)]);
  expect(given([...active, claimed, paid, reversed])?.spend).toEqual([inMarch(none)]);
});

test("pharmacies beyond so many in a month are others, and a reversal is taken from where its claim was counted", () => {
  const claims = Array.from({ length: KEYS_KEPT + 2 }, (_, number) => ({
    claimId: `${number}`,
    pharmacyWalletId: `p${number}`,
  }));
  const history = claims.flatMap((facts) => [
    { ...claimed, ...facts },
    { ...paid, claimId: facts.claimId },
  ]);
  const [others, first] = [`${KEYS_KEPT}`, "0"];
  const full: readonly MedCardEvent[] = [...active, ...history];
  const counts = (events: readonly MedCardEvent[]): unknown =>
    given(events)
      ?.spend?.[0].pharmacies.map(({ key, claims }) => [key, claims])
      .slice(-1);
  expect(counts(full)).toEqual([[OTHER, 2]]);
  expect(counts([...full, { ...reversed, claimId: others }])).toEqual([[OTHER, 1]]);
  const another = { ...claimed, claimId: "again", pharmacyWalletId: `p${KEYS_KEPT}` };
  const freed = [...full, { ...reversed, claimId: first }, another, { ...paid, claimId: "again" }];
  expect(counts(freed)).toEqual([[OTHER, 3]]);
  expect(given(freed)?.spend?.[0]).toMatchObject({ claims: KEYS_KEPT + 2, pharmacies: { length: KEYS_KEPT + 1 } });
});

test("as many months are remembered as of the limit, and a reversal in an older one changes nothing", () => {
  const months = Array.from({ length: MONTHS_KEPT + 1 }, (_, number) => `2026-${String(number + 10)}`);
  const history = months.flatMap((month) => [
    { ...claimed, claimId: month, month },
    { ...paid, claimId: month },
  ]);
  const full: readonly MedCardEvent[] = [...active, ...history];
  expect(given(full)?.spend?.map(({ month }) => month)).toEqual(months.slice(1));
  expect(given([...full, { ...reversed, claimId: months[0] }])?.spend).toEqual(given(full)?.spend);
});

test("a card that was kept before its spend was has what its claims say", () => {
  const child = { ...claimed, claimId: "a", beneficiaryId: CHILD };
  const state = given([...active, claimed, paid, child, { ...paid, claimId: "a" }, { ...claimed, claimId: "b" }]);
  if (state === undefined) throw new Error("there is no card");
  const { spend, ...older } = state;
  expect(spendOf(older)).toEqual(spend);
});
