/** The routes of people: what they say of a person is sealed before it leaves the gateway. */

import type { z } from "zod";
import { mayKeep } from "../../engine/person/decide.ts";
import type { ObjectOutcome } from "../../engine/views.ts";
import type { Refusal } from "../../protocol/codes.ts";
import { isUuid } from "../../protocol/ids.ts";
import { check } from "../../protocol/json-fault.ts";
import { personAnswer, personFoundAnswer } from "../../protocol/person/answers.ts";
import { erasePersonBody, registerPersonBody, updatePersonBody } from "../../protocol/person/commands.ts";
import { PERSONAL_FIELDS, type PersonalData } from "../../protocol/person/personal-data.ts";
import { senderOf } from "../actors.ts";
import type { Caller } from "../caller.ts";
import type { GatewayContext } from "../context.ts";
import { masked } from "../people/mask.ts";
import type { People, SealedPerson } from "../people/people.ts";
import { commandIdOf } from "./command-routes.ts";
import type { Exchange } from "./exchange.ts";
import type { PlainRoute } from "./route.ts";

const PEOPLE = "/api/v1/people";
const PERSON = `${PEOPLE}/{id}`;
const DAY_MS = 86_400_000;
/** Fields that a problem may name. A name that no field has could be a value that stands in the wrong place. */
const FIELDS: ReadonlySet<string> = new Set(["id", "issuerId", "reason", ...PERSONAL_FIELDS]);

const common = { kind: "plain", answer: personAnswer, access: "caller", needsKey: true } as const;

export const PERSON_ROUTES: readonly PlainRoute[] = [
  {
    ...common,
    method: "post",
    path: PEOPLE,
    summary: "Registers a person; for admins, and for the person himself.",
    status: 201,
    body: registerPersonBody,
    run: (exchange, context, caller) =>
      withPeople(exchange, context, (people) => {
        const commandId = commandIdOf(exchange, caller);
        if (commandId === undefined) return;
        readBody(exchange, registerPersonBody, ({ id, issuerId, ...data }) => {
          const person = { id, issuerId, data };
          answer(exchange, context, people, caller, 201, people.register(caller, commandId, person));
        });
      }),
  },
  {
    ...common,
    method: "put",
    path: PERSON,
    summary: "Sets all that is known of a person; for admins, and for the person himself.",
    status: 200,
    body: updatePersonBody,
    run: (exchange, context, caller) =>
      withPeople(exchange, context, (people) => {
        const commandId = commandIdOf(exchange, caller);
        const id = idOf(exchange);
        if (commandId === undefined || id === undefined) return;
        readBody(exchange, updatePersonBody, (data) =>
          answer(exchange, context, people, caller, 200, people.update(caller, commandId, id, data)),
        );
      }),
  },
  {
    ...common,
    method: "post",
    path: `${PERSON}/erase`,
    summary: "Destroys the key of a person, so that nobody can read what was known, in no copy; for admins.",
    status: 200,
    body: erasePersonBody,
    run: (exchange, context, caller) =>
      withPeople(exchange, context, (people) => {
        const commandId = commandIdOf(exchange, caller);
        const id = idOf(exchange);
        if (commandId === undefined || id === undefined) return;
        readBody(exchange, erasePersonBody, ({ reason }) =>
          answer(exchange, context, people, caller, 200, people.erase(caller, commandId, id, reason)),
        );
      }),
  },
  {
    kind: "plain",
    method: "get",
    path: PERSON,
    summary: "A person, for admins and the person himself; masked for the issuer.",
    status: 200,
    answer: personFoundAnswer,
    access: "caller",
    run: (exchange, context, caller) =>
      withPeople(exchange, context, (people) => {
        const id = idOf(exchange);
        if (id === undefined) return;
        respond(exchange, context, people.find(caller, id), (found) => {
          const view = typeof found === "string" ? found : personView(people, caller, found);
          if (typeof view === "string") exchange.problem(view);
          else exchange.json(200, JSON.stringify(view));
        });
      }),
  },
];

function withPeople(exchange: Exchange, { people }: GatewayContext, take: (people: People) => void): void {
  if (people === undefined) exchange.problem("personal_data_disabled");
  else take(people);
}

/** As `Exchange.readBody`, but that a problem repeats nothing of the body. */
function readBody<T>(exchange: Exchange, schema: z.ZodType<T>, take: (body: T) => void): void {
  exchange.readJson((value) => {
    const checked = check(schema, value);
    if (!checked.ok) {
      const { code, field, message } = checked.fault;
      const isKnown = FIELDS.has(field);
      exchange.problem(code, isKnown ? { detail: message, field } : { detail: "a field is missing or unknown" });
      return;
    }
    const { birthDate } = checked.value as Partial<PersonalData>;
    // The day may have begun elsewhere.
    if (birthDate !== undefined && Date.parse(birthDate) > Date.now() + DAY_MS) {
      exchange.problem("invalid_request", { detail: "expected a date of birth in the past", field: "birthDate" });
    } else take(checked.value);
  });
}

function answer(
  exchange: Exchange,
  context: GatewayContext,
  people: People,
  caller: Caller,
  status: number,
  asked: Promise<ObjectOutcome | Refusal>,
): void {
  respond(exchange, context, asked, (outcome) => {
    if (typeof outcome === "string") {
      exchange.problem(outcome);
      return;
    }
    const { code, replayed, shard, sequence, state } = outcome;
    const headers: Record<string, string> = replayed ? { "idempotency-replayed": "true" } : {};
    const position = `${shard}:${sequence}`;
    const view = state === null ? code : personView(people, caller, state as unknown as SealedPerson);
    if (typeof view !== "string") exchange.json(status, JSON.stringify({ ...view, position }), headers);
    else exchange.problem(view, sequence === 0 ? {} : { position }, headers);
  });
}

/** Answers when it is there; what fails is logged without its facts, which may be those of a person. */
function respond<T>(exchange: Exchange, { log }: GatewayContext, asked: Promise<T>, take: (answered: T) => void): void {
  asked.then(take).catch((error: unknown) => {
    const { name, code } = error as { readonly name?: string; readonly code?: string };
    log.error({ error: name, code }, "a request about a person failed");
    exchange.problem("internal_error");
  });
}

function personView(people: People, caller: Caller, person: SealedPerson): object | Refusal {
  const { id, version } = person;
  if (person.status === "ERASED") {
    const { status, reason, erasedAtMs } = person;
    return { id, version, status, erasedAt: new Date(erasedAtMs).toISOString(), reason };
  }
  const data = people.read(person);
  if (typeof data === "string") return data;
  const { status, issuerId, registeredAtMs, updatedAtMs } = person;
  const isMasked = !mayKeep(id, senderOf(caller));
  return {
    id,
    version,
    status,
    ...(issuerId === undefined ? {} : { issuerId }),
    registeredAt: new Date(registeredAtMs).toISOString(),
    ...(updatedAtMs === undefined ? {} : { updatedAt: new Date(updatedAtMs).toISOString() }),
    masked: isMasked,
    ...(isMasked ? masked(data) : data),
  };
}

function idOf(exchange: Exchange): string | undefined {
  if (isUuid(exchange.parameter)) return exchange.parameter.toLowerCase();
  exchange.problem("invalid_request", { detail: "the id in the path is not a UUID", field: "id" });
  return undefined;
}
