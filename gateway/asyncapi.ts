import { z } from "zod";
import { ACTORS } from "../engine/actor/registry.ts";
import { EVENT_CONTENT_TYPE, EVENT_HEADER, SPEC_VERSION } from "../protocol/events/cloud-event.ts";
import { EVENT_AGGREGATE_NAMES, EVENT_AGGREGATES, EVENT_TYPES, eventSchema } from "../protocol/events/event-types.ts";
import { actorRequest, jsonRequest } from "../protocol/json-requests.ts";
import { actorsMessage, balancesMessage, heartbeatMessage } from "../protocol/json-stream.ts";

const SOCKET_PATH = "/v1/ws";
const JSON_SCHEMA = "application/schema+json;version=draft-2020-12";

/**
 * The AsyncAPI 3.0 document of what the ledger sends by itself: events on Kafka and balance streams over WebSocket.
 *
 * Made from the registry of events and the schemas of the streams; `topicPrefix` is what the names of topics begin with.
 */
export function asyncApiDocument(topicPrefix: string): object {
  return {
    asyncapi: "3.0.0",
    info: {
      title: "Mizan",
      version: "1",
      description:
        "What happens in the ledger: CloudEvents 1.0 on Kafka in binary mode, and balances over WebSocket. " +
        "Read topics with isolation level read_committed: then each event is there once.",
      license: { name: "Apache-2.0" },
    },
    defaultContentType: EVENT_CONTENT_TYPE,
    servers: {
      kafka: { host: "localhost:9092", protocol: "kafka", description: "MIZAN_KAFKA_BROKERS." },
      ledger: {
        host: "localhost:7070",
        protocol: "ws",
        description: "MIZAN_HOST and MIZAN_PORT.",
        security: [{ type: "http", scheme: "bearer", description: "An API key." }],
      },
    },
    channels: {
      ...Object.fromEntries(
        EVENT_AGGREGATE_NAMES.map((aggregate) => [`${aggregate}Events`, topicOf(aggregate, topicPrefix)]),
      ),
      streams: {
        address: SOCKET_PATH,
        description: "Subprotocol mizan.json.v1; protocol/PROTOCOL.md describes it, and mizan.binary.v1.",
        servers: [{ $ref: "#/servers/ledger" }],
        messages: Object.fromEntries(Object.keys(SOCKET_MESSAGES).map((name) => [name, messageRef(name)])),
        bindings: { ws: { method: "GET", bindingVersion: "0.1.0" } },
      },
    },
    operations: {
      ...Object.fromEntries(
        EVENT_AGGREGATE_NAMES.map((aggregate) => [
          `tell${aggregate[0].toUpperCase()}${aggregate.slice(1)}Events`,
          operation("send", `${aggregate}Events`, typesOf(aggregate)),
        ]),
      ),
      takeRequests: operation("receive", "streams", ["Request", ...Object.keys(ACTOR_MESSAGES)]),
      streamBalances: operation("send", "streams", ["Balances", "Actors", "Heartbeat"]),
    },
    components: {
      messages: {
        ...Object.fromEntries([...EVENT_TYPES.keys()].map((type) => [type, eventMessage(type)])),
        ...SOCKET_MESSAGES,
      },
    },
  };
}

function typesOf(aggregate: (typeof EVENT_AGGREGATE_NAMES)[number]): string[] {
  return Object.keys(EVENT_AGGREGATES[aggregate].types);
}

function topicOf(aggregate: (typeof EVENT_AGGREGATE_NAMES)[number], prefix: string): object {
  const topic = prefix + EVENT_AGGREGATES[aggregate].topic;
  return {
    address: topic,
    description: `What happens to each ${aggregate}. Events of one ${aggregate} are in one partition, in order.`,
    servers: [{ $ref: "#/servers/kafka" }],
    messages: Object.fromEntries(typesOf(aggregate).map((type) => [type, messageRef(type)])),
    bindings: { kafka: { topic, bindingVersion: "0.5.0" } },
  };
}

function operation(action: "send" | "receive", channel: string, messages: readonly string[]): object {
  return {
    action,
    channel: { $ref: `#/channels/${channel}` },
    messages: messages.map((name) => ({ $ref: `#/channels/${channel}/messages/${name}` })),
  };
}

function messageRef(name: string): object {
  return { $ref: `#/components/messages/${name}` };
}

function eventMessage(type: string): object {
  const aggregate = EVENT_TYPES.get(type)?.aggregate;
  return {
    name: type,
    summary: EVENT_TYPES.get(type)?.meaning,
    contentType: EVENT_CONTENT_TYPE,
    headers: { schemaFormat: JSON_SCHEMA, schema: eventHeaders(type) },
    payload: { schemaFormat: JSON_SCHEMA, schema: eventSchema(type) },
    bindings: {
      kafka: { key: { type: "string", description: `The ${aggregate}'s id.` }, bindingVersion: "0.5.0" },
    },
  };
}

function eventHeaders(type: string): object {
  const text = (description: string): object => ({ type: "string", description });
  const properties = {
    [EVENT_HEADER.specVersion]: { const: SPEC_VERSION },
    [EVENT_HEADER.id]: text("Journal position, and the event's index where a record gives several: 3:4711:1."),
    [EVENT_HEADER.source]: text("/ledgers/{ledger}/shards/{shard}"),
    [EVENT_HEADER.type]: { const: type },
    [EVENT_HEADER.time]: { type: "string", format: "date-time" },
    [EVENT_HEADER.subject]: text("The aggregate's id."),
    [EVENT_HEADER.sequence]: text("Orders the events of one source, as text."),
    [EVENT_HEADER.dataSchema]: { type: "string", format: "uri" },
    [EVENT_HEADER.contentType]: { const: EVENT_CONTENT_TYPE },
  };
  const traces = {
    [EVENT_HEADER.traceParent]: text("W3C trace context, where the command's metadata had it."),
    [EVENT_HEADER.traceState]: text("W3C trace context, where the command's metadata had it."),
  };
  return { type: "object", required: Object.keys(properties), properties: { ...properties, ...traces } };
}

/** What commands on actors of each type are, in full. */
const ACTOR_MESSAGES: Readonly<Record<string, object>> = Object.fromEntries(
  ACTORS.filter(({ isRestOnly }) => !isRestOnly).map(({ name, commands }) => [
    `${name}Command`,
    socketMessage(
      `A command on a ${name}.`,
      actorRequest.extend({ actor: z.literal(name), command: commands }),
      "input",
    ),
  ]),
);

/** Messages over the socket; the request's schema is that of every request. */
const STREAM_MESSAGES: Readonly<Record<string, object>> = {
  Balances: socketMessage("Steps of balances that were subscribed to.", balancesMessage, "output"),
  Actors: socketMessage("Steps of actors that were subscribed to.", actorsMessage, "output"),
  Heartbeat: socketMessage("Sent where nothing else was for a while.", heartbeatMessage, "output"),
  Request: socketMessage("Subscribe, Unsubscribe, Ping, a command or a query.", jsonRequest, "input"),
};

const SOCKET_MESSAGES = { ...STREAM_MESSAGES, ...ACTOR_MESSAGES };

function socketMessage(summary: string, schema: z.ZodType, io: "input" | "output"): object {
  const json = z.toJSONSchema(schema, { target: "draft-2020-12", io, unrepresentable: "any" });
  return { summary, contentType: "application/json", payload: { schemaFormat: JSON_SCHEMA, schema: json } };
}
