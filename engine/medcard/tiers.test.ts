import { expect, test } from "vitest";
import { ADMIN, activated, CARD, CARD_NOW_MS, given, issued } from "../../test/medcard-specimen.ts";
import { medCardActor } from "./actor.ts";
import { TIERS_DEFAULT } from "./tiers.ts";

test("given terms that an operator has set, when a card gets another tier, then it gets those terms", () => {
  const BRONZE = { ...TIERS_DEFAULT.BRONZE, monthlyLimitMinor: 7 };
  const settings = { medCardTiers: { ...TIERS_DEFAULT, BRONZE } };
  const context = { id: CARD, sender: ADMIN, nowMs: CARD_NOW_MS, settings };
  const decision = medCardActor.decide(given([issued, activated]), { type: "DowngradeTier", tier: "BRONZE" }, context);
  expect(decision).toEqual({ code: "ok", events: [{ type: "TierDowngraded", tier: "BRONZE", ...BRONZE }] });
});
