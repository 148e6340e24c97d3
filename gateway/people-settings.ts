import { z } from "zod";
import type { Setting } from "./setting.ts";

const KEY_BYTES = 32;
const BASE64 = /^[A-Za-z0-9+/]{43}=$/;

const masterKey = z
  .string()
  .regex(BASE64, `must be ${KEY_BYTES} bytes in base64`)
  // Whoever tries things out with a made-up key had better make one.
  .refine((text) => new Set(Buffer.from(text, "base64")).size > KEY_BYTES / 4, "must be random bytes in base64");

/** The settings about personal data, by their field in `Config`. */
export const PEOPLE_SETTINGS = {
  personalDataKey: {
    name: "MIZAN_PERSONAL_DATA_KEY",
    schema: masterKey,
    default: undefined,
    defaultText: "none: no personal data are kept",
    unit: "",
    meaning: "Master key of the keys of persons, 32 random bytes in base64; never shown, logged or stored.",
  } satisfies Setting<string | undefined>,
  personalDataKeyPrevious: {
    name: "MIZAN_PERSONAL_DATA_KEY_PREVIOUS",
    schema: masterKey,
    default: undefined,
    defaultText: "none",
    unit: "",
    meaning: "The master key before; what it wrapped is wrapped anew at the start, and then it may be destroyed.",
  } satisfies Setting<string | undefined>,
} as const;
