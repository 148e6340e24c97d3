import { readFileSync } from "node:fs";
import { z } from "zod";
import { providerName } from "../../protocol/provider/fields.ts";
import { walletId } from "../../protocol/values/entity-id.ts";
import { StartError } from "../start-error.ts";

/** A text that nobody else is to know: as it is, or the name of the environment variable that holds it. */
const secret = z.union([z.string().min(1), z.strictObject({ env: z.string().regex(/^(?!MIZAN_)[A-Za-z_]\w*$/) })]);
const baseUrl = z.url({ protocol: /^https?$/ }).transform((url) => url.replace(/\/+$/, ""));
const wholeMs = z.int().min(1).max(3_600_000);

const common = {
  name: providerName,
  baseUrl,
  walletId: walletId.describe("The ledger's account of the provider."),
  timeoutMs: wholeMs.default(10_000),
  concurrentMax: z.int().min(1).max(1_024).default(16),
  queuedMax: z.int().min(0).max(65_536).default(128),
  breakerFailures: z.int().min(1).max(1_000).default(8),
  breakerOpenMs: wholeMs.default(10_000),
  /** After this long without an answer an order that the provider does not know will not come to be known. */
  quietMs: wholeMs.default(120_000),
};

const providerSettings = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("fawry"), ...common, merchantCode: secret, secureKey: secret }),
  z.strictObject({
    kind: z.literal("paymob"),
    ...common,
    secretKey: secret,
    publicKey: secret,
    apiKey: secret,
    hmacSecret: secret,
    integrations: z.record(z.string().regex(/^[a-z0-9_]{1,32}$/), z.int().min(1)),
    payouts: z
      .strictObject({ baseUrl, clientId: secret, clientSecret: secret, username: secret, password: secret })
      .optional(),
  }),
]);

const providersFile = z.strictObject({
  providers: z
    .array(providerSettings)
    .max(32)
    .refine((list) => new Set(list.map(({ name }) => name)).size === list.length, "two providers have the same name"),
});

type Resolved<T> = T extends { readonly env: string }
  ? string
  : T extends string
    ? T
    : T extends object
      ? { [Key in keyof T]: Resolved<T[Key]> }
      : T;

/** A provider as it was configured, with its secrets. */
export type ProviderSettings = Resolved<z.output<typeof providerSettings>>;

/**
 * Reads the file of MIZAN_PROVIDERS.
 *
 * **Errors**: throws `config_invalid` with what is wrong, and never a value.
 */
export function readProviders(
  path: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): readonly ProviderSettings[] {
  if (path === undefined) return [];
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    const why = error instanceof SyntaxError ? "it is no JSON" : (error as NodeJS.ErrnoException).code;
    throw new StartError("config_invalid", `MIZAN_PROVIDERS: ${path} cannot be read: ${why}`);
  }
  const parsed = providersFile.safeParse(json);
  if (!parsed.success) {
    const [{ path: at, message }] = parsed.error.issues;
    throw new StartError("config_invalid", `MIZAN_PROVIDERS: ${path}: ${at.join(".")}: ${message}`);
  }
  return resolve(parsed.data.providers, env) as readonly ProviderSettings[];
}

/** Puts the values of environment variables where their names stand. */
function resolve(value: unknown, env: Readonly<Record<string, string | undefined>>): unknown {
  if (Array.isArray(value)) return value.map((one) => resolve(one, env));
  if (typeof value !== "object" || value === null) return value;
  if ("env" in value) {
    const found = env[String(value.env)];
    if (found !== undefined && found !== "") return found;
    throw new StartError("config_invalid", `MIZAN_PROVIDERS: the environment variable ${value.env} is not set`);
  }
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, resolve(one, env)]));
}
