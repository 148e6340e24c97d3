/** What tells those who watch over a node how it is. */

import { statusAnswer } from "../../protocol/json-answers.ts";
import { replicationStatus } from "../replication-view.ts";
import type { PlainRoute } from "./route.ts";

export const HEALTH_ROUTES: readonly PlainRoute[] = [
  {
    kind: "plain",
    method: "get",
    path: "/healthz",
    summary: "Whether the process is alive.",
    status: 200,
    answer: statusAnswer,
    access: "public",
    run: (exchange, context) => exchange.json(200, JSON.stringify({ status: "alive", ...replicationStatus(context) })),
  },
  {
    kind: "plain",
    method: "get",
    path: "/readyz",
    summary:
      "Whether the ledger has recovered, can write its journal and is not too far behind; 503 with the reasons while not. A standby serves reads alone.",
    status: 200,
    answer: statusAnswer,
    access: "public",
    run: (exchange, context) => {
      const reasons = context.unreadiness();
      const facts = reasons.length === 0 ? { status: "ready" } : { status: "not_ready", reasons };
      exchange.json(reasons.length === 0 ? 200 : 503, JSON.stringify({ ...facts, ...replicationStatus(context) }));
    },
  },
];
