import { z } from "zod";
import { EVENT_TYPES, eventSchema } from "../../protocol/events/event-types.ts";
import { asyncApiDocument } from "../asyncapi.ts";
import type { PlainRoute } from "./route.ts";

/** What describes the ledger's events to those who read them. */
export const EVENT_ROUTES: readonly PlainRoute[] = [
  {
    kind: "plain",
    method: "get",
    path: "/api/v1/asyncapi.json",
    summary: "AsyncAPI document of the events on Kafka and of the streams over WebSocket.",
    status: 200,
    answer: z.looseObject({ asyncapi: z.string() }),
    access: "caller",
    run: (exchange, { config }) => exchange.json(200, JSON.stringify(asyncApiDocument(config.eventsTopicPrefix))),
  },
  {
    kind: "plain",
    method: "get",
    path: "/api/v1/event-schemas/{eventType}",
    summary: "JSON Schema of the data of a type of events.",
    status: 200,
    answer: z.looseObject({ $id: z.string() }),
    access: "caller",
    run: (exchange) => {
      const type = exchange.parameter;
      if (!EVENT_TYPES.has(type)) exchange.problem("path_not_found", { detail: "no such type of events" });
      else exchange.json(200, JSON.stringify(eventSchema(type)));
    },
  },
];
