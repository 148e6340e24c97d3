/** Pages of a list over shards that each look at a few rows at a time, while others come. */

import fc from "fast-check";
import { unpack } from "msgpackr";
import { describe, expect, test } from "vitest";
import type { ActorRow } from "../engine/actor/actor-row.ts";
import type { ActorRows } from "../engine/actor/actor-table.ts";
import { listActors } from "../engine/shard/actor-list.ts";
import type { ActorsAsked, ActorsFound } from "../engine/views.ts";
import { settings } from "../test/property-settings.ts";
import { merge } from "./actor-lists.ts";

function rowsOf(rows: readonly ActorRow[]): ActorRows {
  return { length: rows.length, at: (row) => rows[row], typeAt: (row) => rows[row].type, isAway: () => false };
}

const OWNER = "00000000-0000-4000-8000-0000000000a1";
const OTHER = "00000000-0000-4000-8000-0000000000a2";

interface Sketch {
  readonly shard: number;
  /** Since the one before, on whatever shard. */
  readonly afterMs: number;
  readonly type: "Payment" | "MedCard";
  readonly ownerId: string;
  readonly status: string;
}

const sketch: fc.Arbitrary<Sketch> = fc.record({
  shard: fc.nat(2),
  afterMs: fc.nat(2),
  type: fc.constantFrom("Payment", "MedCard"),
  ownerId: fc.constantFrom(OWNER, OTHER),
  status: fc.constantFrom("INITIATED", "CAPTURED"),
});

/** Three shards that get actors, in the order of time. */
class Shards {
  readonly rows: ActorRow[][] = [[], [], []];
  #count = 0;
  #nowMs = 1_000;

  add({ shard, afterMs, type, ...facts }: Sketch): void {
    this.#nowMs += afterMs;
    this.#count += 1;
    const state = { ...facts, initiatedAtMs: this.#nowMs, issuedAtMs: this.#nowMs, fill: "." };
    this.rows[shard]?.push({ type, id: `${this.#count}`, version: 1, state });
  }

  ask(asked: Omit<ActorsAsked, "before">, before: readonly number[], rowsMax?: number): readonly ActorsFound[] {
    return this.rows.map((rows, shard) => {
      const found = listActors(rowsOf(rows), { ...asked, before: before[shard] ?? 0 }, rowsMax);
      if (typeof found === "string") throw new Error(found);
      return found;
    });
  }
}

const BEGINNING = [0, 1, 2].map(() => Number.MAX_SAFE_INTEGER);
const ALL = { aggregate: "Payment", by: { isAdmin: true, ownerId: "" }, limit: 10, where: {}, without: [] };

interface Shown {
  readonly id: string;
  readonly initiatedAtMs: number;
}

describe("a list of actors", () => {
  test("shows each one once that was there at first, the newest first, whatever comes meanwhile", () => {
    const run = (before: readonly Sketch[], later: readonly Sketch[], limit: number, rowsMax: number): void => {
      const shards = new Shards();
      for (const one of before) shards.add(one);
      const isAsked = ({ type, state }: ActorRow): boolean =>
        type === "Payment" && (state as { readonly status: string }).status === "INITIATED" && ownerOf(state) === OWNER;
      const expected = new Set(
        shards.rows
          .flat()
          .filter(isAsked)
          .map(({ id }) => id),
      );
      const asked = { ...ALL, by: { isAdmin: false, ownerId: OWNER }, limit, where: { status: "INITIATED" } };
      const shown: Shown[] = [];
      const coming = [...later];
      for (let cursor: readonly number[] = BEGINNING, page = 0; cursor.some((row) => row > 0); page += 1) {
        // Each page moves on in the shard that holds the others back.
        expect(page).toBeLessThanOrEqual(3 * before.length + 3);
        const merged = merge(shards.ask(asked, cursor, rowsMax), limit);
        expect(merged.states.length).toBeLessThanOrEqual(limit);
        shown.push(...merged.states.map((state) => unpack(state) as Shown));
        cursor = merged.before;
        const next = coming.pop();
        if (next !== undefined) shards.add(next);
      }
      expect(new Set(shown.map(({ id }) => id))).toEqual(expected);
      expect(shown).toHaveLength(expected.size);
      expect(shown).toEqual(shown.toSorted((a, b) => b.initiatedAtMs - a.initiatedAtMs));
    };
    const sketches = fc.array(sketch, { maxLength: 40 });
    fc.assert(
      fc.property(sketches, sketches, fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 9 }), run),
      settings(300),
    );
  });

  test("ends where all others came before the time that is asked for", () => {
    const shards = new Shards();
    for (let count = 0; count < 90; count += 1) {
      shards.add({ shard: count % 3, afterMs: 1, type: "Payment", ownerId: OWNER, status: "INITIATED" });
    }
    const found = shards.ask({ ...ALL, fromMs: 1_061, toMs: 1_076, limit: 50 }, BEGINNING);
    expect(found.map(({ rows, before }) => [rows.map(({ cameAtMs }) => cameAtMs), before])).toEqual([
      [[1_073, 1_070, 1_067, 1_064, 1_061], 0],
      [[1_074, 1_071, 1_068, 1_065, 1_062], 0],
      [[1_075, 1_072, 1_069, 1_066, 1_063], 0],
    ]);
  });

  test("takes no more than an answer holds, but one at least, and leaves out what is not wanted", () => {
    const fill = "x".repeat(60_000);
    const rows = [1, 2, 3, 4, 5].map((count): ActorRow => {
      const state = { status: "INITIATED", ownerId: OWNER, initiatedAtMs: count, fill, more: fill };
      return { type: "Payment", id: `${count}`, version: 1, state };
    });
    const ask = (before: number, without: readonly string[]): unknown => {
      const found = listActors(rowsOf(rows), { ...ALL, before, without });
      return typeof found === "string" ? found : [found.rows.map(({ row }) => row), found.before];
    };
    expect(ask(5, [])).toEqual([[4], 4]);
    expect(ask(4, ["more"])).toEqual([[3, 2], 2]);
    expect(ask(2, ["more", "fill"])).toEqual([[1, 0], 0]);
  });

  test("is of a type that there is", () => {
    expect(listActors(rowsOf([]), { ...ALL, aggregate: "Ship", before: 1 })).toBe("unknown_operation");
  });
});

function ownerOf(state: unknown): string {
  return (state as { readonly ownerId: string }).ownerId;
}
