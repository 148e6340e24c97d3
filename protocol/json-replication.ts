/** Bodies by which an operator changes who leads. */

import { z } from "zod";

/** What the leader handed over: the last record of each shard. Without it the standby claims with what the log has. */
export const promoteBody = z.strictObject({
  sequences: z.array(z.int().min(0)).max(64).optional().describe("As the leader's handover answered them."),
});
