import { SETTINGS } from "./settings.ts";
import { StartError } from "./start-error.ts";

type Settings = typeof SETTINGS;
type Value<S> = S extends { schema: { _output: infer Output }; default: infer Default } ? Output | Default : never;

/** The checked configuration of a ledger process. */
export type Config = { readonly [Field in keyof Settings]: Value<Settings[Field]> };

const FIELDS = Object.keys(SETTINGS) as (keyof Settings)[];
/** Of the settings of load profiles, which stand in the same shell where both run on one machine. */
const LOAD_PREFIX = "MIZAN_LOAD_";
/** Their values are repeated nowhere. */
const SECRETS: ReadonlySet<keyof Settings> = new Set([
  "adminKey",
  "kafkaPassword",
  "personalDataKey",
  "personalDataKeyPrevious",
]);
const FIELD_OF_NAME = new Map<string, keyof Settings>(FIELDS.map((field) => [SETTINGS[field].name, field]));

/**
 * Reads the configuration from environment variables named `MIZAN_*`, without `MIZAN_LOAD_*`; everything not given has its default.
 *
 * **Errors**: `config_invalid`, naming every unknown variable and every wrong value at once.
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const values: Record<string, unknown> = {};
  for (const field of FIELDS) values[field] = SETTINGS[field].default;
  const problems: string[] = [];
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith("MIZAN_") || name.startsWith(LOAD_PREFIX) || text === undefined) continue;
    const field = FIELD_OF_NAME.get(name);
    if (field === undefined) {
      problems.push(`${name}: no such setting`);
      continue;
    }
    const parsed = SETTINGS[field].schema.safeParse(text);
    if (parsed.success) values[field] = parsed.data;
    else problems.push(`${name}${SECRETS.has(field) ? "" : `=${text}`}: ${parsed.error.issues[0]?.message}`);
  }
  const config = values as Config;
  if (problems.length === 0) problems.push(...disagreements(config));
  if (problems.length > 0) throw new StartError("config_invalid", problems.join("; "));
  return config;
}

/** What is wrong about settings that are each right by themselves. */
function disagreements(config: Config): string[] {
  const { socketBufferedSoftBytes, socketBufferedMaxBytes, kafkaBrokers, kafkaUsername, kafkaPassword } = config;
  const problems: string[] = [];
  if (socketBufferedSoftBytes > socketBufferedMaxBytes) {
    problems.push(
      `${SETTINGS.socketBufferedSoftBytes.name}: must not exceed ${SETTINGS.socketBufferedMaxBytes.name}, which is ${socketBufferedMaxBytes}`,
    );
  }
  if (config.otlpEndpoint !== undefined && config.stageTimes === "off") {
    problems.push(`${SETTINGS.otlpEndpoint.name}: needs ${SETTINGS.stageTimes.name}=on, whose times spans are made of`);
  }
  const needsBrokers = (name: string): string => `${name} needs ${SETTINGS.kafkaBrokers.name}: nothing is replicated`;
  if (kafkaBrokers.length === 0) {
    if (config.acks === "replicated") problems.push(needsBrokers("MIZAN_ACKS=replicated"));
    if (config.role === "standby") problems.push(needsBrokers("MIZAN_ROLE=standby"));
    if (config.events === "on") problems.push(needsBrokers("MIZAN_EVENTS=on"));
  }
  if ((kafkaUsername === undefined) !== (kafkaPassword === undefined)) {
    problems.push(`${SETTINGS.kafkaUsername.name} and ${SETTINGS.kafkaPassword.name} go together`);
  }
  if (config.personalDataKeyPrevious !== undefined && config.personalDataKey === undefined) {
    problems.push(`${SETTINGS.personalDataKeyPrevious.name} needs ${SETTINGS.personalDataKey.name}`);
  }
  if (config.kafkaCaFile !== undefined && config.kafkaTls === "off") {
    problems.push(`${SETTINGS.kafkaCaFile.name} needs ${SETTINGS.kafkaTls.name}=on`);
  }
  return problems;
}

/** The settings as rows for people: what the README's table is written from. */
export const CONFIG_TABLE: readonly {
  readonly name: string;
  readonly default: string;
  readonly unit: string;
  readonly meaning: string;
}[] = FIELDS.map((field) => {
  const { name, defaultText, unit, meaning } = SETTINGS[field];
  return { name, default: defaultText, unit, meaning };
});
