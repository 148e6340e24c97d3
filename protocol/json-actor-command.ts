/** A command on an actor of any type, as it stands in JSON. */

import { z } from "zod";
import { uuid } from "./json-fields.ts";
import { ACTOR_NAME_BYTES_MAX } from "./limits.ts";

/** What stands around the command; the schema of the actor's type checks the command itself. */
export const actorCommand = z.strictObject({
  type: z.literal("ActorCommand"),
  id: uuid.toLowerCase().describe("The command's id: sent again, it is answered again and never applied again."),
  actor: z.string().min(1).max(ACTOR_NAME_BYTES_MAX).describe("The type of the actor, such as Payment."),
  actorId: uuid.toLowerCase().describe("The actor; a new one where the command begins one."),
  command: z.looseObject({ type: z.string() }).describe("A command of that type."),
});

export type JsonActorCommand = z.output<typeof actorCommand>;
