import { SETTINGS } from "./settings.ts";
import { StartError } from "./start-error.ts";

type Settings = typeof SETTINGS;
type Value<S> = S extends { schema: { _output: infer Output }; default: infer Default } ? Output | Default : never;

/** The checked configuration of a ledger process. */
export type Config = { readonly [Field in keyof Settings]: Value<Settings[Field]> };

const FIELDS = Object.keys(SETTINGS) as (keyof Settings)[];
const FIELD_OF_NAME = new Map<string, keyof Settings>(FIELDS.map((field) => [SETTINGS[field].name, field]));

/**
 * Reads the configuration from environment variables named `MIZAN_*`; everything not given has its default.
 *
 * **Errors**: `config_invalid`, naming every unknown variable and every wrong value at once.
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const values: Record<string, unknown> = {};
  for (const field of FIELDS) values[field] = SETTINGS[field].default;
  const problems: string[] = [];
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith("MIZAN_") || text === undefined) continue;
    const field = FIELD_OF_NAME.get(name);
    if (field === undefined) {
      problems.push(`${name}: no such setting`);
      continue;
    }
    const parsed = SETTINGS[field].schema.safeParse(text);
    if (parsed.success) values[field] = parsed.data;
    // The key is a secret, so its value is not repeated.
    else problems.push(`${name}${field === "adminKey" ? "" : `=${text}`}: ${parsed.error.issues[0]?.message}`);
  }
  const config = values as Config;
  if (problems.length === 0 && config.socketBufferedSoftBytes > config.socketBufferedMaxBytes) {
    problems.push(
      `${SETTINGS.socketBufferedSoftBytes.name}: must not exceed ${SETTINGS.socketBufferedMaxBytes.name}, which is ${config.socketBufferedMaxBytes}`,
    );
  }
  if (problems.length > 0) throw new StartError("config_invalid", problems.join("; "));
  return config;
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
