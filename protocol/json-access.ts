/** Bodies by which an admin manages API keys. */

import { z } from "zod";
import { uuid } from "./json-fields.ts";

const name = z.string().min(1).max(100).describe("For people.");

/** A new key: an admin's without an owner, any other role with one. */
export const createApiKeyBody = z.discriminatedUnion("role", [
  z.strictObject({ name, role: z.literal("admin") }),
  z.strictObject({ name, role: z.enum(["merchant", "user"]), ownerId: uuid }),
]);
