import type { z } from "zod";
import { position, uuid } from "./event-fields.ts";

/**
 * What is told of a type of actors, by the name of the told event: which journaled event it tells, and with which data.
 *
 * Of a journaled event the fields that the data name are told, and nothing else: what no schema here names never leaves the
 * ledger. A time that is journaled as `expiresAtMs` is told as `expiresAt`.
 */
export type ActorEvents<Event extends { readonly type: string }> = Readonly<
  Record<string, { readonly of: Event["type"]; readonly meaning: string; readonly data: z.ZodObject }>
>;

/** What every event of an actor says besides the actor's id. */
export const fromRecord = {
  position: position.describe("The record of the event."),
  commandId: uuid.optional().describe("The command that led to it. Absent where the ledger did it by itself."),
};
