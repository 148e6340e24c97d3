/** Lists of actors over all shards, the newest first, a page at a time. */

import { pack, unpack } from "msgpackr";
import { REQUEST_KIND } from "../engine/port/entries.ts";
import type { ActorsAsked, ActorsFound } from "../engine/views.ts";
import type { Code, Refusal } from "../protocol/codes.ts";
import { askAll, senderOf } from "./actors.ts";
import type { Caller } from "./caller.ts";
import type { Dispatcher } from "./dispatcher.ts";

/** Each shard is asked so often for one page: a list of which little is asked for is walked over in steps, between other work. */
const ROUNDS_MAX = 25;
const CURSOR = /^\d{1,10}(?::\d{1,10})*$/;

/** Which actors, and which page of them. */
export interface ActorPageAsked extends Omit<ActorsAsked, "by" | "before"> {
  readonly cursor?: string | undefined;
}

/** `nextCursor` is null at the end. A page may have fewer than asked for, or none, before it. */
export interface ActorPage {
  readonly states: readonly Readonly<Record<string, unknown>>[];
  readonly nextCursor: string | null;
}

/**
 * A page of the actors of a type that the caller may see.
 *
 * A cursor names the row of each shard before which the next page begins. Actors that come later have higher rows, so no page
 * shows one twice or leaves one out that was there when the first page was.
 */
export function listActors(
  dispatcher: Dispatcher,
  caller: Caller,
  { cursor, ...asked }: ActorPageAsked,
  done: (page: ActorPage | Refusal) => void,
): Code {
  const first = cursor === undefined ? undefined : readCursor(cursor, dispatcher.shardCount);
  if (first === null) return "cursor_invalid";
  const by = senderOf(caller);
  const states: ActorPage["states"][number][] = [];
  let before: readonly number[] = first ?? Array.from({ length: dispatcher.shardCount }, () => Number.MAX_SAFE_INTEGER);
  let round = 0;
  const ask = (): Code => {
    round += 1;
    const limit = asked.limit - states.length;
    const payloadOf = (shard: number): Uint8Array => pack({ ...asked, by, limit, before: before[shard] });
    return askAll(dispatcher, caller, REQUEST_KIND.ListActors, payloadOf, (answers) => {
      if (typeof answers === "string") {
        done(answers);
        return;
      }
      const merged = merge(answers as readonly ActorsFound[], limit);
      states.push(...merged.states.map((state) => unpack(state)));
      before = merged.before;
      const isOver = before.every((row) => row === 0);
      if (isOver || states.length === asked.limit || round === ROUNDS_MAX) {
        done({ states, nextCursor: isOver ? null : writeCursor(before) });
        return;
      }
      const code = ask();
      if (code !== "ok") done(code);
    });
  };
  return ask();
}

/**
 * The newest actors of all shards, and where each shard is to go on.
 *
 * What is older than something that a shard has not looked at yet has to wait.
 */
export function merge(
  shards: readonly ActorsFound[],
  limit: number,
): { readonly states: readonly Uint8Array[]; readonly before: readonly number[] } {
  const reachedMs = Math.max(...shards.map((shard) => shard.reachedMs));
  const taken = shards
    .flatMap(({ rows }, shard) => rows.map((found) => ({ ...found, shard })))
    .filter(({ cameAtMs }) => cameAtMs >= reachedMs)
    .sort((a, b) => b.cameAtMs - a.cameAtMs)
    .slice(0, limit);
  const before = shards.map(({ rows, before: looked }, index) => {
    const left = rows[taken.filter(({ shard }) => shard === index).length];
    return left === undefined ? looked : left.row + 1;
  });
  return { states: taken.map(({ state }) => state), before };
}

function writeCursor(before: readonly number[]): string {
  return Buffer.from(before.join(":")).toString("base64url");
}

function readCursor(cursor: string, shardCount: number): readonly number[] | null {
  const text = Buffer.from(cursor, "base64url").toString();
  const rows = CURSOR.test(text) ? text.split(":").map(Number) : [];
  return rows.length === shardCount ? rows : null;
}
