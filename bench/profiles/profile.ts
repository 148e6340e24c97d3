import { readFileSync } from "node:fs";
import { z } from "zod";
import { SUITE_NAMES } from "../suites.ts";
import { crowdSchema } from "./crowd-profile.ts";

/** How the wallets of commands are chosen. */
const pick = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("uniform") }).describe("Any wallet as often as another."),
  z
    .strictObject({ kind: z.literal("zipf"), exponent: z.number().min(0.1).max(3) })
    .describe("The nth wallet in proportion to 1 / n^exponent."),
  z
    .strictObject({ kind: z.literal("merchant"), share: z.number().min(0).max(1) })
    .describe("This share of the movements pays one wallet; the rest is uniform."),
]);

const wallets = z.strictObject({
  count: z.int().min(2).max(1_000_000),
  pick,
  crossShardShare: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe("Share of the movements between wallets of different shards; where absent, as chance has it."),
});

const share = z.number().positive().max(1_000_000);

const client = z
  .strictObject({
    transport: z.enum(["binary", "json", "rest"]),
    share: share.describe("Weight among the clients: its part of the commands."),
    connectionShare: share.optional().describe("Weight for its part of the connections; `share` where absent."),
    commandsPerMessage: z.int().min(1).max(1_024).default(1),
    inflightPerConnectionMax: z.int().min(1).max(4_096).default(256).describe("REST always has one."),
  })
  .refine(({ transport, commandsPerMessage }) => transport === "binary" || commandsPerMessage === 1, {
    path: ["commandsPerMessage"],
    message: "only binary clients send several commands in a message",
  });

const weight = z.number().min(0).max(1_000_000).default(0);

const mix = z
  .strictObject({
    transfers: weight,
    holds: weight,
    captures: weight.describe("Of an open hold of this run; a hold is placed where there is none."),
    voids: weight.describe("The same."),
    reads: weight.describe("Look-ups of wallets."),
  })
  .refine((weights) => Object.values(weights).some((value) => value > 0), { message: "all weights are zero" });

const stage = z.strictObject({
  name: z.string().min(1).max(40),
  durationSeconds: z.number().positive().max(604_800),
  ratePerSecond: z.number().positive().max(5_000_000).describe("Commands a second, at the end of the stage."),
  ramp: z
    .enum(["step", "linear"])
    .default("step")
    .describe("Whether the rate holds from the start on, or gets there in a straight line from the stage before."),
  connections: z.int().min(1).max(10_000),
  measured: z.boolean().default(true).describe("Whether it counts for latencies, rates and thresholds."),
});

const dashboards = z.strictObject({
  connections: z.int().min(0).max(10_000),
  walletsEach: z.int().min(1).max(1_000),
  staySeconds: z.number().positive().max(86_400).describe("How long one stays on average before another comes."),
});

const thresholds = z.strictObject({
  p50Ms: z.number().positive().optional(),
  p99Ms: z.number().positive().optional(),
  p999Ms: z.number().positive().optional(),
  errorRate: z.number().min(0).max(1).optional().describe("Share of the commands that were not accepted, at most."),
  rateShare: z.number().min(0).max(1).optional().describe("Share of the scheduled rate that was accepted, at least."),
});

const ledger = z.strictObject({
  shards: z.int().min(1).max(64).default(1),
  settings: z.record(z.string().regex(/^MIZAN_[A-Z_]+$/), z.string()).default({}),
});

export const profileSchema = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,39}$/, "lower-case letters, digits and hyphens"),
  description: z.string().max(400),
  stages: z
    .array(stage)
    .min(1)
    .max(100)
    .refine((stages) => stages.some(({ measured }) => measured), { message: "no stage is measured" }),
  wallets,
  clients: z.array(client).min(1).max(12),
  mix,
  dashboards: dashboards.optional(),
  connections: crowdSchema.optional(),
  thresholds,
  ledger: ledger.prefault({}).describe("The ledger that is started where no URL is given."),
  generators: z.int().min(1).max(16).default(1).describe("Processes that share the load."),
  suite: z
    .enum(SUITE_NAMES)
    .describe("The rows of `npm run bench` that measure the same work in a closed loop; see suites.ts."),
});

export type Profile = z.infer<typeof profileSchema>;
export type Client = Profile["clients"][number];
export type CommandKind = keyof Profile["mix"];
export type Transport = Client["transport"];
export type Thresholds = z.infer<typeof thresholds>;

/** The file, argument or setting of a user that is wrong, in a sentence. */
export class LoadUsageError extends Error {}

/** Profiles that come with Mizan, each a file beside this one. */
export const PROFILE_NAMES = ["smoke", "load", "stress", "spike", "soak", "connections"] as const;

/**
 * Reads a profile by its name, or from a file.
 *
 * **Errors**: `LoadUsageError` that names the file and, one a line, each wrong field.
 */
export function readProfile(nameOrPath: string): Profile {
  const isName = (PROFILE_NAMES as readonly string[]).includes(nameOrPath);
  const path = isName ? new URL(`${nameOrPath}.json`, import.meta.url) : nameOrPath;
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const names = PROFILE_NAMES.join(", ");
    throw new LoadUsageError(`${nameOrPath} is no profile (${names}) and no file: ${(error as Error).message}`);
  }
  return parseProfile(nameOrPath, text);
}

/** Checks the text of a profile. **Errors**: as `readProfile`. */
export function parseProfile(source: string, text: string): Profile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new LoadUsageError(`${source} is not JSON: ${(error as Error).message}`);
  }
  const parsed = profileSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) => `  ${fieldName(path)}: ${message}`);
  throw new LoadUsageError(`${source} is not a profile:\n${faults.join("\n")}`);
}

function fieldName(path: readonly PropertyKey[]): string {
  if (path.length === 0) return "the profile";
  return path
    .map((key, at) => (typeof key === "number" ? `[${key}]` : `${at === 0 ? "" : "."}${String(key)}`))
    .join("");
}
