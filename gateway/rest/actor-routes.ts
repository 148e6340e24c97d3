/** Makes the routes of a type of actors from a table: a new type is one table. */

import type { z } from "zod";
import { actorOf } from "../../engine/actor/registry.ts";
import type { ObjectOutcome } from "../../engine/views.ts";
import type { Refusal } from "../../protocol/codes.ts";
import { isUuid } from "../../protocol/ids.ts";
import type { listFields } from "../../protocol/json-fields.ts";
import { listActors } from "../actor-lists.ts";
import { lookupActor } from "../actors.ts";
import type { Caller } from "../caller.ts";
import type { GatewayContext } from "../context.ts";
import { commandActor } from "../found-actors.ts";
import { derivedId } from "../json-command.ts";
import { checkedQuery, meaningsOf } from "./checked-query.ts";
import { commandIdOf } from "./command-routes.ts";
import type { Exchange } from "./exchange.ts";
import type { PlainRoute } from "./route.ts";

type Facts = Readonly<Record<string, unknown>>;

/** What besides the state an answer may depend on. */
interface ActorLook {
  readonly caller: Caller;
  /** What the path or the command names within the actor; empty where there is no such thing. */
  readonly named: string;
  /** The query, as its schema has checked it. */
  readonly query: Facts;
}

/** The shape of an answer, and what makes it from a state, or why there is nothing to show. */
interface ActorAnswer {
  readonly answer: z.ZodType;
  readonly view: (state: Facts, look: ActorLook) => object | Refusal;
}

/** A command that a route carries. Its body is the command without its type and without what the path names. */
interface ActorCommandRow {
  readonly type: string;
  readonly body: z.ZodType<object>;
  readonly summary: string;
  /** What else happens with it: it is handed to this in place of the actor. */
  readonly carry?: CarryCommand;
}

/** A command as a route has read it. */
export interface SentCommand {
  readonly id: string;
  readonly commandId: string;
  readonly command: Facts & { readonly type: string };
}

type CarryCommand = (context: GatewayContext, caller: Caller, sent: SentCommand) => Promise<ObjectOutcome | Refusal>;

interface ActorChangeRow extends ActorCommandRow {
  /** `post` where absent. */
  readonly method?: "post" | "put" | "del";
  /** Below the actor's own; a parameter has the name of the command's field: `/beneficiaries/{beneficiaryId}`. */
  readonly path: string;
  /** 200 where absent. */
  readonly status?: 201;
  /** A field that is an id, and follows from that of the command where the body leaves it out. */
  readonly derived?: string;
  /** What the answer shows besides the position of the record; the whole actor where absent. */
  readonly shown?: ActorAnswer;
}

/** A look at a part of an actor. */
interface ActorReadRow extends ActorAnswer {
  readonly path: string;
  /** It shows fields that are long. */
  readonly isWhole?: true;
  readonly summary: string;
  readonly query?: z.ZodObject;
}

/** A list of all actors of a type that the caller may see. */
interface ActorListRow {
  readonly summary: string;
  readonly answer: z.ZodType;
  /** Name of the array in the answer. */
  readonly name: string;
  /** `listFields`, and fields of the state by which it is filtered. */
  readonly query: z.ZodObject<typeof listFields>;
  /** Fields of the state that a list does not need. */
  readonly without?: readonly string[];
  readonly view: (state: Facts) => object;
}

/** A type of actors over REST. */
export interface ActorApi {
  /** Name of the type in the engine's registry. */
  readonly actor: string;
  /** Where all of them are: `/api/v1/payments`. */
  readonly path: string;
  /** The actor as it is. */
  readonly found: ActorAnswer & { readonly summary: string };
  /** The same as a command's answer, with the position of the record that ended the command. */
  readonly answer: z.ZodType;
  /** The command that makes one; its body may name the `id`, which follows from that of the command else. */
  readonly create: ActorCommandRow;
  readonly changes: readonly ActorChangeRow[];
  readonly reads?: readonly ActorReadRow[];
  readonly list?: ActorListRow;
}

const EMPTY: Facts = {};
const PAGE_DEFAULT = 50;

/** The routes of a type: to make one, to change it, to look at it. */
export function actorRoutes(api: ActorApi): readonly PlainRoute[] {
  const one = `${api.path}/{id}`;
  const reads: readonly ActorReadRow[] = [{ path: "", ...api.found }, ...(api.reads ?? [])];
  const lists = api.list === undefined ? [] : [listRoute(api, api.list)];
  return [
    {
      kind: "plain",
      method: "post",
      path: api.path,
      summary: api.create.summary,
      status: 201,
      answer: api.answer,
      access: "caller",
      body: api.create.body,
      needsKey: true,
      run: (exchange, context, caller) => create(api, exchange, context, caller),
    },
    ...lists,
    ...api.changes.map(
      (row): PlainRoute => ({
        kind: "plain",
        method: row.method ?? "post",
        path: `${one}${row.path}`,
        summary: row.summary,
        status: row.status ?? 200,
        answer: row.shown?.answer ?? api.answer,
        access: "caller",
        ...(row.method === "del" ? {} : { body: row.body }),
        needsKey: true,
        run: (exchange, context, caller) => change(api, row, exchange, context, caller),
      }),
    ),
    ...reads.map(
      (row): PlainRoute => ({
        kind: "plain",
        method: "get",
        path: `${one}${row.path}`,
        summary: row.summary,
        status: 200,
        answer: row.answer,
        access: "caller",
        ...(row.query === undefined ? {} : { query: meaningsOf(row.query) }),
        run: (exchange, context, caller) => look(api, row, exchange, context, caller),
      }),
    ),
  ];
}

/** **Errors**: throws for a type whose states do not say when they came: shards could not be merged by time. */
function listRoute(api: ActorApi, row: ActorListRow): PlainRoute {
  if (actorOf(api.actor)?.cameAtMs === undefined) throw new Error(`nobody knows when a ${api.actor} came`);
  return {
    kind: "plain",
    method: "get",
    path: api.path,
    summary: row.summary,
    status: 200,
    answer: row.answer,
    access: "caller",
    query: meaningsOf(row.query),
    run: (exchange, context, caller) => list(api, row, exchange, context, caller),
  };
}

function list(api: ActorApi, row: ActorListRow, exchange: Exchange, context: GatewayContext, caller: Caller): void {
  const query = checkedQuery(exchange, row.query);
  if (query === undefined) return;
  const { limit = PAGE_DEFAULT, cursor, from, to, ...where } = query;
  const asked = {
    aggregate: api.actor,
    limit,
    cursor,
    where: where as Readonly<Record<string, string>>,
    without: row.without ?? [],
    ...(from === undefined ? {} : { fromMs: Date.parse(from) }),
    ...(to === undefined ? {} : { toMs: Date.parse(to) }),
  };
  const code = listActors(context.dispatcher, caller, asked, (page) => {
    if (typeof page === "string") {
      exchange.problem(page);
      return;
    }
    const shown = page.states.map(row.view);
    exchange.json(200, JSON.stringify({ [row.name]: shown, nextCursor: page.nextCursor }));
  });
  if (code !== "ok") exchange.problem(code);
}

function create(api: ActorApi, exchange: Exchange, context: GatewayContext, caller: Caller): void {
  const { type, body } = api.create;
  const commandId = commandIdOf(exchange, caller);
  if (commandId === undefined) return;
  exchange.readBody(body, (facts) => {
    const { id = derivedOf(api, commandId), ...rest } = facts as Facts;
    const command = { id: String(id), commandId, command: { type, ...rest } };
    const shown = { status: 201, view: api.found.view, named: "", carry: api.create.carry };
    send(api, command, shown, exchange, context, caller);
  });
}

function change(api: ActorApi, row: ActorChangeRow, exchange: Exchange, context: GatewayContext, caller: Caller): void {
  const { type, body, path, status = 200, derived } = row;
  const commandId = commandIdOf(exchange, caller);
  if (commandId === undefined || !hasIds(exchange, path)) return;
  const field = derived ?? parameterOf(path);
  const given = derived === undefined ? exchange.secondParameter.toLowerCase() : derivedOf(api, commandId);
  exchange.readBody(body, (facts) => {
    const named = field === undefined ? EMPTY : { [field]: given };
    const command = { type, ...named, ...(facts as Facts) };
    const shown = {
      status,
      view: row.shown?.view ?? api.found.view,
      named: field === undefined ? "" : String((command as Facts)[field]),
      carry: row.carry,
    };
    send(api, { id: exchange.parameter.toLowerCase(), commandId, command }, shown, exchange, context, caller);
  });
}

function look(api: ActorApi, row: ActorReadRow, exchange: Exchange, context: GatewayContext, caller: Caller): void {
  if (!hasIds(exchange, row.path)) return;
  const query = row.query === undefined ? EMPTY : checkedQuery(exchange, row.query);
  if (query === undefined) return;
  const isWhole = row.isWhole === true;
  const asked = { aggregate: api.actor, id: exchange.parameter.toLowerCase(), isWhole };
  const code = lookupActor(context.dispatcher, caller, asked, (state) => {
    const named = exchange.secondParameter.toLowerCase();
    const shown = typeof state === "string" ? state : row.view(state, { caller, named, query });
    if (typeof shown === "string") exchange.problem(shown);
    else exchange.json(200, JSON.stringify(shown));
  });
  if (code !== "ok") exchange.problem(code);
}

interface Shown {
  readonly status: number;
  readonly view: ActorAnswer["view"];
  readonly named: string;
  readonly carry: CarryCommand | undefined;
}

function send(
  { actor }: ActorApi,
  command: SentCommand,
  shown: Shown,
  exchange: Exchange,
  context: GatewayContext,
  caller: Caller,
): void {
  if (shown.carry !== undefined) {
    shown.carry(context, caller, command).then(
      (outcome) => answer(exchange, caller, shown, outcome),
      (error: unknown) => {
        context.log.error({ error: String(error) }, "a command could not be carried");
        exchange.problem("internal_error");
      },
    );
    return;
  }
  const { dispatcher } = context;
  const code = commandActor(dispatcher, caller, { aggregate: actor, ...command }, (outcome) =>
    answer(exchange, caller, shown, outcome),
  );
  if (code !== "ok") exchange.problem(code);
}

function answer(
  exchange: Exchange,
  caller: Caller,
  { status, view, named }: Shown,
  outcome: ObjectOutcome | Refusal,
): void {
  if (typeof outcome === "string") {
    exchange.problem(outcome);
    return;
  }
  const { code, replayed, shard, sequence, state } = outcome;
  const headers: Record<string, string> = replayed ? { "idempotency-replayed": "true" } : {};
  const position = `${shard}:${sequence}`;
  const shownState = state === null ? code : view(state, { caller, named, query: EMPTY });
  if (typeof shownState !== "string") exchange.json(status, JSON.stringify({ ...shownState, position }), headers);
  else exchange.problem(shownState, sequence === 0 ? {} : { position }, headers);
}

/** An id that follows from that of a command; what two types derive from one command differs. */
function derivedOf({ actor }: ActorApi, commandId: string): string {
  return derivedId(`mizan-${actor.toLowerCase()}\0${commandId}`);
}

/** The name of the parameter in a path below an actor's, if there is one. */
function parameterOf(path: string): string | undefined {
  return /\{(\w+)\}/.exec(path)?.[1];
}

function hasIds(exchange: Exchange, path: string): boolean {
  const second = parameterOf(path);
  const isWrong = !isUuid(exchange.parameter);
  if (!isWrong && (second === undefined || isUuid(exchange.secondParameter))) return true;
  const field = isWrong || second === undefined ? "id" : second;
  exchange.problem("invalid_request", { detail: "the id in the path is not a UUID", field });
  return false;
}
