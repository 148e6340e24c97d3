import { expect, test } from "vitest";
import { activated, claimed, filed, given, issued, paid, rejected, reversed } from "../../test/medcard-specimen.ts";
import { INSURANCE_CLAIMS_KEPT, PRESCRIPTIONS_KEPT } from "./medcard.ts";

const active = [issued, activated];

test("an event that cannot happen is a broken journal", () => {
  expect(() => given([activated])).toThrow("not issued");
  expect(() => given([issued, issued])).toThrow("issued twice");
  expect(() => given([issued, claimed])).toThrow("PrescriptionClaimed cannot happen to a medical card that is ISSUED");
  expect(() => given([...active, reversed])).toThrow("does not stand");
  expect(() => given([...active, claimed, paid, reversed, reversed])).toThrow("does not stand");
});

test("a card remembers so many claims, and forgets the oldest that have ended", () => {
  const ids = Array.from({ length: PRESCRIPTIONS_KEPT + 1 }, (_, index) => `${index}`);
  const state = given([
    ...active,
    ...ids.flatMap((claimId) => [
      { ...claimed, claimId },
      { ...paid, claimId },
    ]),
  ]);
  expect(state?.prescriptions.map(({ claimId }) => claimId)).toEqual(ids.slice(1));
  expect(state?.months).toEqual([{ month: "2026-03", usedMinor: 800 * ids.length }]);
  const filings = ids.slice(0, INSURANCE_CLAIMS_KEPT).map((claimId) => ({ ...filed, claimId }));
  const full = given([...active, ...filings, { ...rejected, claimId: "7" }, filed]);
  expect(full?.insuranceClaims).toHaveLength(INSURANCE_CLAIMS_KEPT);
  expect(full?.insuranceClaims.some(({ claimId }) => claimId === "7")).toBe(false);
});
