/** What the ledger answers about people. */

import { z } from "zod";
import { moment, position, uuid, version } from "../json-fields.ts";
import { erasureReason } from "./commands.ts";
import { shownPersonalData } from "./personal-data.ts";

const facts = { id: uuid, version };
const registeredFields = {
  ...facts,
  status: z.literal("REGISTERED"),
  issuerId: uuid.optional(),
  registeredAt: moment,
  updatedAt: moment.optional(),
  masked: z.boolean().describe("Whether parts of the values below are asterisks."),
  ...shownPersonalData,
};
const erasedFields = { ...facts, status: z.literal("ERASED"), erasedAt: moment, reason: erasureReason };

export const personFoundAnswer = z.discriminatedUnion("status", [
  z.strictObject(registeredFields),
  z.strictObject(erasedFields),
]);

const ended = { position: position.describe("The record that ended the command.") };

export const personAnswer = z.discriminatedUnion("status", [
  z.strictObject({ ...registeredFields, ...ended }),
  z.strictObject({ ...erasedFields, ...ended }),
]);
