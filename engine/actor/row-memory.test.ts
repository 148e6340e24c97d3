/** Actors that leave memory, in the real store: whoever looks at them sees no difference. */

import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ADMIN_SENDER, MERCHANT_SENDER, PAYING_SENDER, PaymentSession } from "../../test/payment-session.ts";
import { settings } from "../../test/property-settings.ts";
import { expectSameFacts } from "../../test/same-state.ts";
import type { ActorRow } from "./actor-row.ts";
import { AwayRows } from "./away-rows.ts";
import { RowMemory, type RowMemoryOptions } from "./row-memory.ts";

const IN_MEMORY_MAX = 3;
/** What leaves together may wait until it is so many. */
const SPARE = IN_MEMORY_MAX;

let directory: string;
const stores: AwayRows[] = [];
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "mizan-away-"));
});
afterAll(async () => {
  for (const store of stores) await store.close();
  rmSync(directory, { recursive: true, force: true });
});

function tiny(): RowMemoryOptions & { readonly away: AwayRows } {
  const away = new AwayRows(join(directory, String(stores.length)));
  stores.push(away);
  return { inMemoryMax: IN_MEMORY_MAX, away };
}

describe("the rows of actors", () => {
  test("are what they were set to, in memory or not", () => {
    const { away } = tiny();
    const steps = fc.oneof(
      { weight: 4, arbitrary: fc.constant({ add: true as const }) },
      { weight: 3, arbitrary: fc.record({ change: fc.nat() }) },
      { weight: 3, arbitrary: fc.record({ use: fc.nat() }) },
      { weight: 2, arbitrary: fc.record({ look: fc.nat() }) },
      { weight: 1, arbitrary: fc.record({ open: fc.nat() }) },
    );
    fc.assert(
      fc.property(fc.array(steps, { minLength: 30, maxLength: 200 }), (plan) => {
        away.clear();
        const model: ActorRow[] = [];
        const open = new Set<number>();
        const rows = new RowMemory(1_024, (row) => open.has(row), { inMemoryMax: IN_MEMORY_MAX, away });
        const set = (row: number): void => {
          const actor = { type: "Payment", id: String(row), version: (model[row]?.version ?? 0) + 1, state: { row } };
          model[row] = actor;
          rows.set(row, actor);
        };
        for (const step of plan) {
          if ("add" in step || model.length === 0) {
            set(model.length);
          } else if ("change" in step) {
            set(step.change % model.length);
          } else if ("use" in step) {
            expect(rows.use(step.use % model.length)).toEqual(model[step.use % model.length]);
          } else if ("look" in step) {
            const row = step.look % model.length;
            const wasAway = rows.isAway(row);
            expect(rows.at(row)).toEqual(model[row]);
            expect(rows.isAway(row)).toBe(wasAway);
          } else {
            // Whoever waits for wallets is used, and stays.
            const row = step.open % model.length;
            if (open.delete(row)) continue;
            rows.use(row);
            open.add(row);
          }
          for (const row of open) expect(rows.isAway(row)).toBe(false);
        }
        expect(Array.from({ length: rows.length }, (_, row) => rows.at(row))).toEqual(model);
        expect(rows.inMemoryCount).toBe(model.filter((_, row) => !rows.isAway(row)).length);
      }),
      settings(100),
    );
  });

  test("leave as others come, and only as many stay as may", () => {
    const rows = new RowMemory(1_024, () => false, tiny());
    for (let row = 0; row < 1_000; row += 1) rows.set(row, { type: "MedCard", id: String(row), version: 1, state: {} });
    expect(rows.inMemoryCount).toBeLessThan(IN_MEMORY_MAX + 2 * SPARE);
    expect([rows.length, rows.isAway(0), rows.typeAt(0)]).toEqual([1_000, true, "MedCard"]);
  });

  test("of a run before are gone with the next one", async () => {
    const shard = join(directory, "shard");
    const before = new AwayRows(shard);
    before.put([[7, new Uint8Array([1])]]);
    expect(before.get(7)).toEqual(Buffer.from([1]));
    await before.close();
    expect(readdirSync(shard)).toEqual([]);
    const after = new AwayRows(shard);
    stores.push(after);
    expect(() => after.get(7)).toThrow("is nowhere");
  });
});

describe("a shard whose payments leave memory", () => {
  const COUNT = 60;

  /** The same payments, with a crash and what is due in between; some wait for a wallet on the other shard meanwhile. */
  function lived(session: PaymentSession): PaymentSession {
    session.opened();
    const ids = Array.from({ length: COUNT }, () => session.nextWalletId(1));
    const expiresAt = new Date(session.nowMs + 60_000).toISOString();
    for (const [index, id] of ids.entries()) {
      const facts = { amountMinor: 10, ...(index % 3 === 0 ? { expiresAt } : {}) };
      expect(session.pay(session.initiating(facts, MERCHANT_SENDER, id))).toMatchObject({ code: "ok" });
    }
    for (const id of ids) session.pay(session.command("AuthorizePayment", {}, PAYING_SENDER, id));
    session.engine.crash();
    session.settle();
    for (const [index, id] of ids.entries()) {
      if (index % 2 === 0) session.pay(session.command("CapturePayment", { amountMinor: 4 }, MERCHANT_SENDER, id));
    }
    session.begin(session.command("CapturePayment", {}, MERCHANT_SENDER, ids[1]));
    session.pass(60_000);
    expect(session.payment(ADMIN_SENDER, ids[0])).toMatchObject({ status: "CAPTURED", capturedMinor: 4 });
    expect(session.payment(ADMIN_SENDER, ids[3])).toMatchObject({ status: "EXPIRED" });
    return session;
  }

  test("is the same as one whose payments all stay, live, after a crash and from a snapshot", () => {
    const [small, large] = [lived(new PaymentSession({ actorMemory: tiny })), lived(new PaymentSession())];
    const { actors } = small.engine.state(1);
    // Those that waited for a wallet together leave as others come in.
    for (const { id } of actors.rows()) small.payment(ADMIN_SENDER, id);
    expect(actors.inMemoryCount).toBeLessThan(IN_MEMORY_MAX + 2 * SPARE);
    expect(actors.rows()).toEqual(large.engine.state(1).actors.rows());
    expect(small.wallet(small.shop)).toEqual(large.wallet(large.shop));
    for (const shard of [0, 1]) expectSameFacts(small.engine.state(shard), small.engine.rebuilt(shard));
    const loaded = small.engine.loaded(1).actors;
    expect(loaded.inMemoryCount).toBeLessThan(IN_MEMORY_MAX + 2 * SPARE);
    expect(loaded.rows()).toEqual(large.engine.state(1).actors.rows());
  });

  test("copies them for a snapshot as they were when it began", () => {
    const { actors } = lived(new PaymentSession({ actorMemory: tiny })).engine.state(1);
    const then = actors.rows();
    actors.guard();
    const copied = [...actors.copy(10)];
    for (const row of then) actors.put({ ...row, version: row.version + 1 });
    for (let rows = actors.copy(7); rows.length > 0; rows = actors.copy(7)) copied.push(...rows);
    actors.release();
    expect(copied).toEqual(then);
    expect(actors.rows().map(({ version }) => version)).toEqual(then.map(({ version }) => version + 1));
  });
});
