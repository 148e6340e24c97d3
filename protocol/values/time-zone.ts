import { z } from "zod";

/** The name of a time zone. **Errors**: one that the time zone database of this machine does not have. */
export const timeZone = z
  .string()
  .max(64)
  .refine(isTimeZone, "Invalid time zone: expected a name such as Africa/Cairo");

function isTimeZone(text: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: text }).resolvedOptions().timeZone.length > 0;
  } catch {
    return false;
  }
}
