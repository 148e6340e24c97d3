/** The routes by which an admin changes what is logged while the ledger runs. */

import { logLevelAnswer, logLevelBody } from "../../protocol/json-log-level.ts";
import type { PlainRoute } from "./route.ts";

export const LOG_LEVEL_ROUTES: readonly PlainRoute[] = [
  {
    kind: "plain",
    method: "get",
    path: "/api/v1/log-level",
    summary: "The least severe level that is logged.",
    status: 200,
    answer: logLevelAnswer,
    access: "admin",
    run: (exchange, { log }) => exchange.json(200, JSON.stringify({ level: log.level })),
  },
  {
    kind: "plain",
    method: "put",
    path: "/api/v1/log-level",
    summary: "Changes the least severe level that is logged, until the next start. The change itself is always logged.",
    status: 200,
    answer: logLevelAnswer,
    access: "admin",
    body: logLevelBody,
    run: (exchange, { log }, { keyId }) => {
      exchange.readBody(logLevelBody, ({ level }) => {
        const from = log.level;
        log.level = level;
        // With a level of its own this line is written whatever the new level is.
        log
          .child({}, { level: "info" })
          .info({ audit: true, keyId, from, to: level, requestId: exchange.requestId }, "log level changed");
        exchange.json(200, JSON.stringify({ level }));
      });
    },
  },
];
