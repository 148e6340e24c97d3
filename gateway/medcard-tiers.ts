import { readFileSync } from "node:fs";
import { z } from "zod";
import { TIERS_DEFAULT } from "../engine/medcard/tiers.ts";
import { check } from "../protocol/json-fault.ts";
import { type MedCardTiers, medCardTiers } from "../protocol/medcard/tiers.ts";
import type { Setting } from "./setting.ts";

/** The setting that names a file with the terms of the tiers. It is read once, at the start. */
export const MEDCARD_TIERS_SETTING: Setting<MedCardTiers> = {
  name: "MIZAN_MEDCARD_TIERS",
  schema: z.string().transform((path, context) => {
    const tiers = readTiers(path);
    if (typeof tiers !== "string") return tiers;
    context.addIssue(tiers);
    return z.NEVER;
  }),
  default: TIERS_DEFAULT,
  defaultText: "as `GET /api/v1/medcard-tiers` shows",
  unit: "",
  meaning:
    "JSON file with monthlyLimitMinor, copaymentBasisPoints and categories of each tier of medical cards; cards keep the terms they got.",
};

/** The terms in a file, or what is wrong about it. */
function readTiers(path: string): MedCardTiers | string {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    return `cannot be read as JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
  const checked = check(medCardTiers, value);
  return checked.ok ? checked.value : `${checked.fault.field}: ${checked.fault.message}`;
}
