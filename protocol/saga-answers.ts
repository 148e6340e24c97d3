/** What the ledger answers about sagas, and what an operator says to one. */

import { z } from "zod";
import { CODES, type Code } from "./codes.ts";
import { moment, position, uuid } from "./json-fields.ts";

const code = z.enum(Object.keys(CODES) as Code[]);

const sagaFields = {
  id: uuid.describe("The id of the command that began it."),
  actor: z.string(),
  actorId: uuid,
  type: z.string().describe("The type of that command."),
  isParked: z.boolean().describe("It waits for an operator."),
  step: z.int().min(0).describe("Index of the step at hand; of one that has ended, of the last that was."),
  steps: z.array(z.string()),
  failures: z.int().min(0).describe("Tries of that step that failed."),
  failure: code.optional(),
  startedAt: moment,
  retryAt: moment.optional(),
};

const openStatus = z.enum(["INITIATED", "DEBITED", "REFUNDING"]);
const endStatus = z.enum(["COMPLETED", "FAILED"]);
const place = { position, time: moment };

const sagaEntry = z.strictObject({
  type: z.enum(["begun", "asked", "done", "delayed", "refunding", "parked", "unparked", "ended"]),
  ...place,
  status: z
    .enum([...openStatus.options, "CREDITED", ...endStatus.options])
    .optional()
    .describe("What is true afterwards. While REFUNDING, steps are taken back, the last one first."),
  step: z.int().min(0).optional().describe("Index of the step that it is about."),
  operation: z.string().optional().describe("What is asked of a wallet."),
  walletId: uuid.optional(),
  commandId: uuid.optional().describe("The id under which it is asked, and found in the wallet's history."),
  code: code.optional(),
  retryAt: moment.optional(),
  reason: z.string().optional().describe("What the operator said."),
});

export const sagasAnswer = z.strictObject({
  sagas: z
    .array(z.strictObject({ ...sagaFields, status: openStatus }))
    .describe("At most 1,000 of each shard: those that have not ended."),
  openByType: z.record(z.string(), z.int().min(1)).describe("All that have not ended, whatever the filters."),
});

export const sagaAnswer = z.strictObject({
  ...sagaFields,
  status: z.enum([...openStatus.options, ...endStatus.options]),
  endedAt: moment.optional(),
  code: code.optional().describe("How it ended."),
  timeline: z.array(sagaEntry).describe("The oldest first."),
  isComplete: z
    .boolean()
    .describe("Whether the timeline begins with the beginning; older records may be kept no longer."),
});

export const releaseSagaBody = z.strictObject({ reason: z.string().min(1).max(256) });
export const sagaReleasedAnswer = z.strictObject({ id: uuid });
