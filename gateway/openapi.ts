import { z } from "zod";
import { CODES, type Code } from "../protocol/codes.ts";
import { WALLET_TYPE } from "../protocol/command-record.ts";
import { CURRENCY_CODES } from "../protocol/currencies.ts";
import { EVENT_TYPES } from "../protocol/events/event-types.ts";
import { problemAnswer } from "../protocol/json-answers.ts";
import type { Route } from "./rest/route.ts";

const SECURITY = [{ apiKey: [] }, { basic: [] }];

/**
 * The OpenAPI 3.1 document of the REST interface, made from the routes and their schemas.
 *
 * Every problem code is listed under the responses of its HTTP status, so that the document names all there are.
 */
export function openApiDocument(routes: readonly Route[]): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const operations = paths[route.path] ?? {};
    operations[methodOf(route)] = operation(route);
    paths[route.path] = operations;
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Mizan",
      version: "1",
      description:
        "A wallet ledger. Amounts are whole numbers of minor units. Every command carries an Idempotency-Key; sent again " +
        "with the same key and body it is answered again and never applied again.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    paths,
    components: {
      securitySchemes: {
        apiKey: { type: "http", scheme: "bearer", description: "An API key." },
        basic: { type: "http", scheme: "basic", description: "An API key as the password; the name does not matter." },
      },
      schemas: { Problem: jsonSchema(problemAnswer, "output") },
      responses: problemResponses(),
    },
  };
}

function operation(route: Route): object {
  const needsKey = route.kind === "command" || route.needsKey === true;
  return {
    operationId: operationId(route),
    summary: route.summary,
    tags: [tag(route)],
    ...(route.access === "public" ? { security: [] } : { security: SECURITY }),
    parameters: [
      ...[...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => pathParameter(name)),
      ...(needsKey ? [parameter("header", "Idempotency-Key", KEY_MEANING, { minLength: 1, maxLength: 255 })] : []),
      ...(route.access === "public" ? [] : [ACKS_HEADER]),
      ...Object.entries((route.kind === "plain" && route.query) || {}).map(([name, meaning]) => ({
        ...parameter("query", name, meaning, {}),
        required: false,
      })),
    ],
    ...(route.body === undefined ? {} : { requestBody: requestBody(route.body) }),
    responses: {
      [route.status]: {
        description: needsKey ? "Done, and durable." : "The answer.",
        ...(needsKey ? { headers: REPLAYED_HEADER } : route.method === "get" ? { headers: POSITION_HEADER } : {}),
        content: { "application/json": { schema: jsonSchema(route.answer, "output") } },
      },
      ...Object.fromEntries(problemStatuses().map((status) => [status, { $ref: `#/components/responses/${status}` }])),
    },
  };
}

/** A body may be left out where an empty object would do. */
function requestBody(schema: z.ZodType): object {
  const required = !schema.safeParse({}).success;
  return { required, content: { "application/json": { schema: jsonSchema(schema, "input") } } };
}

const REPLAYED_HEADER = {
  "Idempotency-Replayed": { description: "`true` where this is the first answer again.", schema: { const: "true" } },
};

const POSITION_HEADER = {
  "Mizan-Position": {
    description:
      "Where the ledger is replicated: journal positions, one a shard, whose changes the answer shows at least.",
    schema: { type: "string" },
  },
};

const ACKS_HEADER = {
  in: "header",
  name: "Mizan-Acks",
  required: false,
  description: "`replicated` has the answer wait until the log has confirmed what it shows.",
  schema: { enum: ["local", "replicated"] },
};

const KEY_MEANING =
  "Names the command: a UUID is its id as it is, any other text is hashed with the caller's owner id.";

const RETRY_HEADER = { "Retry-After": { description: "Seconds.", schema: { type: "string" } } };

function parameter(where: string, name: string, description: string, schema: object): object {
  return { in: where, name, required: true, description, schema: { type: "string", ...schema } };
}

function pathParameter(name: string | undefined): object {
  switch (name) {
    case "eventType":
      return parameter("path", name, "A type of events.", { enum: [...EVENT_TYPES.keys()] });
    case "type":
      return parameter("path", name, "A type of wallets.", { enum: Object.keys(WALLET_TYPE) });
    case "currency":
      return parameter("path", name, "ISO 4217 alphabetic code.", { enum: CURRENCY_CODES });
    default:
      return parameter("path", name ?? "", "A UUID.", { format: "uuid" });
  }
}

function methodOf({ method }: Route): string {
  return method === "del" ? "delete" : method;
}

/** The resource that a path is about, under which viewers group it. */
function tag({ path }: Route): string {
  return /^\/api\/v1\/([^/]+)/.exec(path)?.[1] ?? "health";
}

function operationId(route: Route): string {
  return `${methodOf(route)}${route.path.replace(/^\/api\/v1/, "").replace(/[^A-Za-z]+(\w?)/g, (_, next: string) => next.toUpperCase())}`;
}

function problemStatuses(): number[] {
  return [...new Set(Object.values(CODES).map(({ http }) => http))].filter((status) => status >= 400).sort();
}

function problemResponses(): Record<string, object> {
  const responses = problemStatuses().map((status) => {
    const codes = (Object.keys(CODES) as Code[]).filter((code) => CODES[code].http === status);
    const description = codes.map((code) => `\`${code}\`: ${CODES[code].meaning}`).join("\n\n");
    const content = { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } };
    const headers = status === 503 || status === 504 ? { headers: RETRY_HEADER } : {};
    return [String(status), { description, ...headers, content }] as const;
  });
  return Object.fromEntries(responses);
}

function jsonSchema(schema: z.ZodType, io: "input" | "output"): object {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { target: "draft-2020-12", io, unrepresentable: "any" });
  return rest;
}
