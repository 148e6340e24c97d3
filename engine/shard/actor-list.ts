import type { ActorRows } from "../actor/actor-table.ts";
import { actorOf } from "../actor/registry.ts";
import { pack } from "../object/object-record.ts";
import type { ActorsAsked, ActorsFound, FoundActor } from "../views.ts";
import { viewActor } from "./actor-desk.ts";

/** Rows that one request looks at: the commands behind it wait for so long, some tenths of a millisecond. */
const ROWS_MAX = 16_384;
/** Rows for which one counts that has to be read back. */
const AWAY_ROWS = 128;

/** What one answer holds at most, but for its first actor. **Units**: bytes. */
const FOUND_BYTES_MAX = 131_072;

/**
 * A part of a list of actors, the newest first: rows are in the order in which they came, so those that come later are before
 * any row that somebody has seen.
 */
export function listActors(rows: ActorRows, asked: ActorsAsked, rowsMax = ROWS_MAX): ActorsFound | "unknown_operation" {
  const { aggregate, by, limit, fromMs = 0, toMs = Number.POSITIVE_INFINITY, without } = asked;
  const actor = actorOf(aggregate);
  if (actor === undefined) return "unknown_operation";
  const where = Object.entries(asked.where);
  const found: FoundActor[] = [];
  let before = Math.min(asked.before, rows.length);
  let reachedMs = actor.cameAtMs === undefined ? 0 : Number.POSITIVE_INFINITY;
  let bytes = 0;
  for (let left = rowsMax; before > 0 && left > 0 && found.length < limit; before -= 1) {
    left -= 1;
    if (rows.typeAt(before - 1) !== aggregate) continue;
    if (rows.isAway(before - 1)) left -= AWAY_ROWS - 1;
    const row = rows.at(before - 1);
    const cameAtMs = actor.cameAtMs?.(row.state) ?? 0;
    // A shard's clock never goes back, so all others are older.
    if (cameAtMs < fromMs) return { rows: found, before: 0, reachedMs: 0 };
    const facts = row.state as Readonly<Record<string, unknown>>;
    const isAsked = cameAtMs < toMs && where.every(([field, text]) => facts[field] === text);
    if (isAsked && actor.mayRead(row.state, by)) {
      const state = pack(leaveOut(viewActor(row), without));
      if (found.length > 0 && bytes + state.byteLength > FOUND_BYTES_MAX) break;
      bytes += state.byteLength;
      found.push({ row: before - 1, cameAtMs, state });
    }
    reachedMs = cameAtMs;
  }
  return { rows: found, before, reachedMs: before === 0 ? 0 : reachedMs };
}

function leaveOut(view: Readonly<Record<string, unknown>>, without: readonly string[]): object {
  if (without.length === 0) return view;
  return Object.fromEntries(Object.entries(view).filter(([field]) => !without.includes(field)));
}
