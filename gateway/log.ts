import { type DestinationStream, type Logger, pino } from "pino";
import type { Config } from "./config.ts";
import type { RecentLines } from "./status/recent-lines.ts";

/** From here on a line is kept for the status page. */
const WARN = 40;

const HIDDEN = "[hidden]";

/** Fields that hold a secret wherever they are logged, at the top and one level below. */
const SECRET_FIELDS = ["authorization", "adminKey", "apiKey", "key", "password", "kafkaPassword", "ticket", "token"];

/** What is known of persons. Their names have no field that only they have: nobody logs the body of a request. */
const PERSONAL_FIELDS = ["nationalId", "birthDate", "phone", "email", "sealed"];

/**
 * The ledger's log: one line of JSON a fact.
 *
 * Fields that are named like secrets are hidden, and so are the secrets of the configuration, and API keys and tickets made here,
 * wherever they stand in a line.
 */
export function createLog(
  config: Pick<Config, "logLevel" | "adminKey" | "kafkaPassword"> &
    Partial<Pick<Config, "personalDataKey" | "personalDataKeyPrevious">>,
  recent: RecentLines,
  // Standard output is for people; the log goes beside it.
  destination: DestinationStream = pino.destination({ fd: 2, sync: true }),
): Logger {
  const secrets = [
    config.adminKey,
    config.kafkaPassword,
    config.personalDataKey,
    config.personalDataKeyPrevious,
  ].filter((secret) => secret !== undefined);
  const written = secrets.map((secret) => JSON.stringify(secret).slice(1, -1));
  return pino(
    {
      level: config.logLevel,
      base: null,
      redact: { paths: [...SECRET_FIELDS, ...PERSONAL_FIELDS].flatMap((name) => [name, `*.${name}`]), censor: HIDDEN },
      hooks: {
        streamWrite: (line) => {
          let shown = line.replace(/\bmizan_(?:ticket_)?[A-Za-z0-9_-]{43}\b/g, HIDDEN);
          for (const secret of written) shown = shown.replaceAll(secret, HIDDEN);
          recent.take(shown, WARN);
          return shown;
        },
      },
    },
    destination,
  );
}
