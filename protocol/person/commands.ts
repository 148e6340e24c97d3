/** What may be asked of a person. */

import { z } from "zod";
import { uuid } from "../json-fields.ts";
import { personId } from "../values/entity-id.ts";
import { withPersonalData } from "./personal-data.ts";

/** Longest ciphertext of a person, as text: far more than all fields at their longest. **Units**: characters. */
const SEALED_MAX = 8_192;

const issuerId = uuid.optional().describe("An owner who sees the person with masked values; for admins to name.");
/** Why a person is erased. No free text: it could name somebody. */
export const erasureReason = z.enum(["REQUESTED", "RETENTION_ENDED", "REGISTERED_IN_ERROR"]);

/** Bodies of REST: path and header hold the rest. */
export const registerPersonBody = withPersonalData({
  id: personId.describe("The owner id of the person's API keys and wallets, or any other that names nobody."),
  issuerId,
});
export const updatePersonBody = withPersonalData({});
export const erasePersonBody = z.strictObject({ reason: erasureReason });

/** Ciphertext in base64url. */
const sealed = z
  .string()
  .regex(/^[\w-]+$/)
  .max(SEALED_MAX);

/** A command on a person as it leaves the gateway: it tells nothing of the person. */
export const personCommand = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("RegisterPerson"), sealed, issuerId }),
  z.strictObject({ type: z.literal("UpdatePerson"), sealed }),
  z.strictObject({ type: z.literal("ErasePerson"), reason: erasureReason }),
]);
export type PersonCommand = z.output<typeof personCommand>;
