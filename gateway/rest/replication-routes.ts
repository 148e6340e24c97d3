/** The routes that show who leads, and by which an operator changes that. */

import { handoverAnswer, replicationAnswer } from "../../protocol/json-answers.ts";
import { promoteBody } from "../../protocol/json-replication.ts";
import { replicationView } from "../replication-view.ts";
import type { PlainRoute } from "./route.ts";

export const REPLICATION_ROUTES: readonly PlainRoute[] = [
  {
    kind: "plain",
    method: "get",
    path: "/api/v1/replication",
    summary: "Which node leads, and how far this node and the log are.",
    status: 200,
    answer: replicationAnswer,
    access: "caller",
    run: (exchange, context) => exchange.json(200, JSON.stringify(replicationView(context))),
  },
  {
    kind: "plain",
    method: "post",
    path: "/api/v1/replication/handover",
    summary:
      "Has the leader take no commands for three seconds at most, and answers when all it decided is in the log.",
    status: 200,
    answer: handoverAnswer,
    access: "admin",
    run: (exchange, { replication }) => {
      if (replication === undefined) {
        exchange.problem("not_replicated");
        return;
      }
      void replication.handOver().then(({ code, sequences }) => {
        if (code === "ok") exchange.json(200, JSON.stringify({ sequences }));
        else exchange.problem(code);
      });
    },
  },
  {
    kind: "plain",
    method: "post",
    path: "/api/v1/replication/promote",
    summary: "Has a standby claim, once it has what the leader handed over, and answers when it leads.",
    status: 200,
    answer: replicationAnswer,
    access: "admin",
    body: promoteBody,
    run: (exchange, context) => {
      const { replication } = context;
      if (replication === undefined) {
        exchange.problem("not_replicated");
        return;
      }
      exchange.readBody(promoteBody, ({ sequences = [] }) => {
        void replication.promote(sequences).then((code) => {
          if (code === "ok") exchange.json(200, JSON.stringify(replicationView(context)));
          else exchange.problem(code);
        });
      });
    },
  },
];
