/** The routes of sagas: what waits for wallets to do their part. */

import type { SagaView } from "../../engine/actor/actor-row.ts";
import type { SagaStory } from "../../engine/history/saga-story.ts";
import type { OpenSagas } from "../../engine/views.ts";
import { isUuid } from "../../protocol/ids.ts";
import { releaseSagaBody, sagaAnswer, sagaReleasedAnswer, sagasAnswer } from "../../protocol/saga-answers.ts";
import type { Caller } from "../caller.ts";
import type { GatewayContext } from "../context.ts";
import { timeText } from "../history-queries.ts";
import { findSaga, listSagas, releaseSaga } from "../sagas.ts";
import type { Exchange } from "./exchange.ts";
import type { PlainRoute } from "./route.ts";

const SAGAS = "/api/v1/sagas";

const RELEASES = [
  ["retry", false, "Has a parked saga try its step again; for admins."],
  ["compensate", true, "Has a parked saga take back what it did; for admins."],
] as const;

export const SAGA_ROUTES: readonly PlainRoute[] = [
  {
    kind: "plain",
    method: "get",
    path: SAGAS,
    summary: "What waits for wallets to do their part; for admins.",
    status: 200,
    answer: sagasAnswer,
    access: "admin",
    query: {
      parked: "`true` for those that wait for an operator, `false` for the others.",
      status: "Only those of a status.",
      type: "Only those of a type of command.",
    },
    run: (exchange, context, caller) =>
      withSagas(exchange, context, caller, ({ sagas, countOf }) => {
        const [parked, status, type] = ["parked", "status", "type"].map((name) => exchange.query(name));
        const isAsked = (saga: SagaView): boolean =>
          (parked === null || String(saga.isParked) === parked) &&
          (status === null || saga.status === status) &&
          (type === null || saga.type === type);
        exchange.json(200, JSON.stringify({ sagas: sagas.filter(isAsked).map(sagaView), openByType: countOf }));
      }),
  },
  {
    kind: "plain",
    method: "get",
    path: `${SAGAS}/{id}`,
    summary: "A saga, open or ended, by the id of its command, with all that happened to it; for admins.",
    status: 200,
    answer: sagaAnswer,
    access: "admin",
    run: (exchange, context, caller) => {
      if (!hasUuid(exchange)) return;
      const code = findSaga(context, caller, exchange.parameter.toLowerCase(), (story) => {
        if (typeof story === "string") exchange.problem(story);
        else exchange.json(200, JSON.stringify(storyView(story)));
      });
      if (code !== "ok") exchange.problem(code);
    },
  },
  ...RELEASES.map(
    ([action, isTakenBack, summary]): PlainRoute => ({
      kind: "plain",
      method: "post",
      path: `${SAGAS}/{id}/${action}`,
      summary,
      status: 200,
      answer: sagaReleasedAnswer,
      access: "admin",
      body: releaseSagaBody,
      run: (exchange, { dispatcher }, caller) => {
        if (!hasUuid(exchange)) return;
        const id = exchange.parameter.toLowerCase();
        exchange.readBody(releaseSagaBody, ({ reason }) => {
          const code = releaseSaga(dispatcher, caller, { id, isTakenBack, reason }, (outcome) => {
            if (outcome === "ok") exchange.json(200, JSON.stringify({ id }));
            else exchange.problem(outcome);
          });
          if (code !== "ok") exchange.problem(code);
        });
      },
    }),
  ),
];

function sagaView({ startedAtMs, retryAtMs, endedAtMs, ...facts }: SagaView): object {
  return {
    ...facts,
    startedAt: timeText(startedAtMs),
    ...timeField("retryAt", retryAtMs),
    ...timeField("endedAt", endedAtMs),
  };
}

function storyView({ saga, entries, isComplete }: SagaStory): object {
  const timeline = entries.map(({ position, timestampMs, retryAtMs, ...facts }) => ({
    position,
    time: timeText(timestampMs),
    ...facts,
    ...timeField("retryAt", retryAtMs),
  }));
  return { ...sagaView(saga), timeline, isComplete };
}

function timeField(name: string, timeMs: number | undefined): object {
  return timeMs === undefined ? {} : { [name]: timeText(timeMs) };
}

function withSagas(
  exchange: Exchange,
  { dispatcher }: GatewayContext,
  caller: Caller,
  take: (sagas: OpenSagas) => void,
): void {
  const code = listSagas(dispatcher, caller, (sagas) => {
    if (typeof sagas === "string") exchange.problem(sagas);
    else take(sagas);
  });
  if (code !== "ok") exchange.problem(code);
}

function hasUuid(exchange: Exchange): boolean {
  if (isUuid(exchange.parameter)) return true;
  exchange.problem("invalid_request", { detail: "the id in the path is not a UUID", field: "id" });
  return false;
}
