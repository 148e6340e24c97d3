/** The body by which an admin changes what is logged, and its answer. */

import { z } from "zod";

/** From the fewest lines to the most, and none. */
export const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export const logLevelBody = z.strictObject({ level: z.enum(LOG_LEVELS) });
export const logLevelAnswer = z.object({ level: z.enum(LOG_LEVELS) });
