/** What happens to people, as it is journaled: ciphertext, ids and times. */

import { z } from "zod";
import { timestampMs, uuid } from "../json-fields.ts";
import { erasureReason } from "./commands.ts";

const sealed = z.string();

/** An event of a person, in its newest version. */
export const personEvent = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("PersonRegistered"),
    personId: uuid,
    issuerId: uuid.optional(),
    sealed,
    registeredAtMs: timestampMs,
  }),
  z.strictObject({ type: z.literal("PersonUpdated"), sealed, updatedAtMs: timestampMs }),
  z.strictObject({ type: z.literal("PersonErased"), reason: erasureReason, erasedAtMs: timestampMs }),
]);
export type PersonEvent = z.output<typeof personEvent>;
