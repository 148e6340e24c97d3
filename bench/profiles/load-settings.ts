import type { Endpoint } from "../load/workload.ts";
import { LoadUsageError, type Profile } from "./profile.ts";

/** Ports that URLs leave out, by protocol. */
const PORTS: Readonly<Record<string, number>> = { "http:": 80, "https:": 443 };

interface LoadSetting {
  readonly name: string;
  readonly meaning: string;
}

/** The environment variables of `npm run load`, as README.md lists them. */
export const LOAD_SETTINGS = {
  url: {
    name: "MIZAN_LOAD_URL",
    meaning: "The ledger to aim at, `http://host:port` or `https://host`; without it one is started for the run.",
  },
  key: { name: "MIZAN_LOAD_KEY", meaning: "API key of an admin there." },
  p50Ms: { name: "MIZAN_LOAD_P50_MS", meaning: "Threshold: latency that half of the commands may have at most." },
  p99Ms: { name: "MIZAN_LOAD_P99_MS", meaning: "Threshold: the same for 99 of 100." },
  p999Ms: { name: "MIZAN_LOAD_P999_MS", meaning: "Threshold: the same for 999 of 1,000." },
  errorRate: { name: "MIZAN_LOAD_ERROR_RATE", meaning: "Threshold: share of the commands that may fail, 0 to 1." },
  rateShare: {
    name: "MIZAN_LOAD_RATE_SHARE",
    meaning: "Threshold: share of the scheduled commands that must be accepted, 0 to 1.",
  },
  rateFactor: { name: "MIZAN_LOAD_RATE_FACTOR", meaning: "Multiplies the rate of every stage." },
  timeFactor: { name: "MIZAN_LOAD_TIME_FACTOR", meaning: "Multiplies the duration of every stage." },
  generators: { name: "MIZAN_LOAD_GENERATORS", meaning: "Processes that share the load, 1 to 16." },
} as const satisfies Record<string, LoadSetting>;

const THRESHOLDS = ["p50Ms", "p99Ms", "p999Ms", "errorRate", "rateShare"] as const;
const NAMES: ReadonlySet<string> = new Set(Object.values(LOAD_SETTINGS).map(({ name }) => name));
const PREFIX = "MIZAN_LOAD_";

/**
 * A profile with what the environment says otherwise.
 *
 * **Errors**: `LoadUsageError` naming the variable.
 */
export function withSettings(profile: Profile, env: NodeJS.ProcessEnv): Profile {
  const unknown = Object.keys(env).filter((name) => name.startsWith(PREFIX) && !NAMES.has(name));
  if (unknown.length > 0) throw new LoadUsageError(`no such setting: ${unknown.join(", ")}`);
  const thresholds = { ...profile.thresholds };
  for (const name of THRESHOLDS) {
    const isShare = name === "errorRate" || name === "rateShare";
    const value = numberOf(env, LOAD_SETTINGS[name].name, isShare ? [0, 1] : [0.001, 3_600_000]);
    if (value !== undefined) thresholds[name] = value;
  }
  const rateFactor = numberOf(env, LOAD_SETTINGS.rateFactor.name, [0.000_1, 10_000]) ?? 1;
  const timeFactor = numberOf(env, LOAD_SETTINGS.timeFactor.name, [0.000_1, 10_000]) ?? 1;
  const generators = numberOf(env, LOAD_SETTINGS.generators.name, [1, 16]) ?? profile.generators;
  if (!Number.isInteger(generators)) throw new LoadUsageError(`${LOAD_SETTINGS.generators.name} is a whole number`);
  const stages = profile.stages.map((stage) => ({
    ...stage,
    ratePerSecond: stage.ratePerSecond * rateFactor,
    durationSeconds: stage.durationSeconds * timeFactor,
  }));
  return { ...profile, stages, thresholds, generators };
}

/** The settings of a load that are given, without those that say where to and may hold a secret. */
export function settingsGiven(env: NodeJS.ProcessEnv): Record<string, string> {
  const { url, key } = LOAD_SETTINGS;
  const given = Object.entries(env).filter(([name]) => NAMES.has(name) && name !== url.name && name !== key.name);
  return Object.fromEntries(given.map(([name, value = ""]) => [name, value]));
}

/** The ledger that the environment names; undefined where it names none. **Errors**: as `withSettings`. */
export function remoteOf(env: NodeJS.ProcessEnv): Endpoint | undefined {
  const { url: urlName, key: keyName } = { url: LOAD_SETTINGS.url.name, key: LOAD_SETTINGS.key.name };
  const text = env[urlName];
  const key = env[keyName];
  if (text === undefined || text === "") return undefined;
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new LoadUsageError(`${urlName} is no URL: ${text}`);
  }
  const port = PORTS[url.protocol];
  if (port === undefined || url.pathname !== "/" || url.username !== "" || url.password !== "") {
    throw new LoadUsageError(`${urlName} is http://host:port or https://host, without a path or a user`);
  }
  if (key === undefined || key === "") throw new LoadUsageError(`${urlName} needs ${keyName}, the key of an admin`);
  const isSecure = url.protocol === "https:";
  return { host: url.hostname, port: url.port === "" ? port : Number(url.port), key, isSecure };
}

function numberOf(env: NodeJS.ProcessEnv, name: string, [least, most]: readonly [number, number]): number | undefined {
  const text = env[name];
  if (text === undefined || text === "") return undefined;
  const value = Number(text);
  if (text.trim() === "" || !(value >= least && value <= most)) {
    throw new LoadUsageError(`${name} is a number from ${least} to ${most}, not ${text}`);
  }
  return value;
}
