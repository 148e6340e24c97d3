import fc from "fast-check";
import { expect, test } from "vitest";
import { RECORD_OPTION } from "../../protocol/command-record.ts";
import { LIMIT, LIMIT_OF_TYPE, type LimitName } from "../../protocol/result-record.ts";
import type { WalletLimits } from "../../protocol/wallet-limits.ts";
import { LimitStory } from "../../test/limit-story.ts";

const HOUR_MS = 3_600_000;
const ZONE = "Africa/Cairo";
/** Random times pass over the end of summer time and of the month. */
const START_MS = Date.parse("2026-10-28T09:00:00Z");

type Side = "debit" | "credit";
type Scope = "own" | "type";

interface Counted {
  readonly side: Side;
  readonly atMs: number;
  amountMinor: number;
}

interface Window {
  startMs: number;
  count: number;
}

/** A wallet of the model: what counted, as a list, added up anew for every question. */
class ModelWallet {
  limits: WalletLimits | undefined;
  hasRow = false;
  readonly counted: Counted[] = [];
  readonly windows = new Map<string, Window>();
}

/** Limits said a second time, in the plainest way. */
class Model {
  readonly wallets = [new ModelWallet(), new ModelWallet()];
  typeLimits: WalletLimits = {};
  nowMs = START_MS;

  /** Number of the limit that refuses a movement, what it allows, and what is left; undefined where none does. */
  refusal(index: number, side: Side, amountMinor: number): readonly [number, number, number] | undefined {
    const wallet = this.wallets[index];
    const own = wallet.limits?.[side];
    const ofType = this.typeLimits[side];
    const asked = [
      ["PerTransaction", own?.perTransactionMinor, ofType?.perTransactionMinor, () => 0, amountMinor],
      ["PerDay", own?.perDayMinor, ofType?.perDayMinor, () => this.#used(wallet, side, "day"), amountMinor],
      ["PerMonth", own?.perMonthMinor, ofType?.perMonthMinor, () => this.#used(wallet, side, "month"), amountMinor],
      ["Count", own?.count?.max, ofType?.count?.max, (scope: Scope) => this.#inWindow(wallet, side, scope), 1],
    ] as const;
    for (const [name, ownValue, typeValue, usedOf, more] of asked) {
      for (const [scope, value] of [
        ["own", ownValue],
        ["type", typeValue],
      ] as const) {
        if (value === undefined || usedOf(scope) + more <= value) continue;
        const number = LIMIT[`${side}${name}` as LimitName] | (scope === "type" ? LIMIT_OF_TYPE : 0);
        return [number, value, Math.max(0, value - usedOf(scope))];
      }
    }
    return undefined;
  }

  count(index: number, side: Side, amountMinor: number): Counted | undefined {
    const wallet = this.wallets[index];
    wallet.hasRow ||= Object.values(this.typeLimits).some((side) => side !== undefined && Object.keys(side).length > 0);
    if (!wallet.hasRow) return undefined;
    const counted = { side, amountMinor, atMs: this.nowMs };
    wallet.counted.push(counted);
    for (const scope of ["own", "type"] as const) {
      const windowMs = this.#windowMs(wallet, side, scope);
      if (windowMs === undefined) continue;
      const window = wallet.windows.get(`${side} ${scope}`);
      const isOpen = window !== undefined && window.count > 0 && this.nowMs < window.startMs + windowMs;
      if (isOpen) window.count += 1;
      else wallet.windows.set(`${side} ${scope}`, { startMs: this.nowMs, count: 1 });
    }
    return counted;
  }

  giveBack(index: number, counted: Counted | undefined, amountMinor: number, isMovement: boolean): void {
    if (counted === undefined) return;
    const wallet = this.wallets[index];
    counted.amountMinor -= amountMinor;
    for (const scope of ["own", "type"] as const) {
      const window = wallet.windows.get(`${counted.side} ${scope}`);
      const isIn = window !== undefined && counted.atMs >= window.startMs;
      if (isMovement && isIn && this.#inWindow(wallet, counted.side, scope) > 0) window.count -= 1;
    }
  }

  #used(wallet: ModelWallet, side: Side, period: "day" | "month"): number {
    const nameOf = (ms: number): string =>
      new Intl.DateTimeFormat("en-CA", { timeZone: ZONE }).format(ms).slice(0, period === "day" ? 10 : 7);
    return wallet.counted
      .filter((counted) => counted.side === side && nameOf(counted.atMs) === nameOf(this.nowMs))
      .reduce((sum, { amountMinor }) => sum + amountMinor, 0);
  }

  #windowMs(wallet: ModelWallet, side: Side, scope: Scope): number | undefined {
    return (scope === "own" ? wallet.limits : this.typeLimits)?.[side]?.count?.windowMs;
  }

  #inWindow(wallet: ModelWallet, side: Side, scope: Scope): number {
    const windowMs = this.#windowMs(wallet, side, scope);
    const window = wallet.windows.get(`${side} ${scope}`);
    return window === undefined || windowMs === undefined || this.nowMs >= window.startMs + windowMs ? 0 : window.count;
  }
}

interface ModelHold {
  readonly id: string;
  readonly wallet: number;
  readonly amountMinor: number;
  readonly counted: Counted | undefined;
  leftMinor: number;
}

const smallMinor = fc.integer({ min: 0, max: 60 });
const sideLimits = fc.record(
  {
    perTransactionMinor: smallMinor,
    perDayMinor: fc.integer({ min: 0, max: 150 }),
    perMonthMinor: fc.integer({ min: 0, max: 300 }),
    count: fc.record({ max: fc.integer({ min: 1, max: 5 }), windowMs: fc.constantFrom(HOUR_MS, 5 * HOUR_MS) }),
  },
  { requiredKeys: [] },
);
const limits = fc.record({ debit: sideLimits, credit: sideLimits }, { requiredKeys: [] });
const wallet = fc.nat(1);
const amountMinor = fc.integer({ min: 1, max: 70 });
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom("debit", "credit", "transfer"), wallet, amountMinor }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("hold" as const), wallet, amountMinor }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom("void", "capture", "final"), hold: fc.nat(9), amountMinor }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("own" as const), wallet, limits }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("type" as const), limits }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 9 * HOUR_MS }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** The engine and the model, taking the same steps. */
class Both {
  readonly story = new LimitStory(1, { idempotencyWindowMs: 100 * HOUR_MS });
  readonly model = new Model();
  readonly ids: readonly string[];
  readonly holds: ModelHold[] = [];

  constructor() {
    this.story.nowMs = START_MS;
    this.ids = [0, 1].map(() => this.story.openWallet(0, { balanceMinor: 1_000_000n }));
  }

  take(step: Step): void {
    const { story, model } = this;
    switch (step.do) {
      case "debit":
      case "credit": {
        const answer = story[step.do](this.ids[step.wallet], step.amountMinor);
        if (this.#isAllowed(answer, [[step.wallet, step.do]], step.amountMinor)) {
          model.count(step.wallet, step.do, step.amountMinor);
        }
        break;
      }
      case "transfer": {
        const to = 1 - step.wallet;
        const answer = story.transfer(this.ids[step.wallet], this.ids[to], step.amountMinor);
        const sides = [
          [step.wallet, "debit"],
          [to, "credit"],
        ] as const;
        if (!this.#isAllowed(answer, sides, step.amountMinor)) break;
        for (const [index, side] of sides) model.count(index, side, step.amountMinor);
        break;
      }
      case "hold": {
        const { id, answer } = story.hold(this.ids[step.wallet], step.amountMinor);
        if (!this.#isAllowed(answer, [[step.wallet, "debit"]], step.amountMinor)) break;
        const counted = model.count(step.wallet, "debit", step.amountMinor);
        const { wallet, amountMinor } = step;
        this.holds.push({ id, wallet, amountMinor, leftMinor: amountMinor, counted });
        break;
      }
      case "void":
      case "capture":
      case "final":
        if (this.holds.length > 0) this.#endHold(step.do, step.hold % this.holds.length, step.amountMinor);
        break;
      case "own":
        expect(story.setLimits(this.ids[step.wallet], step.limits).code).toBe("ok");
        model.wallets[step.wallet].limits = step.limits;
        model.wallets[step.wallet].hasRow = true;
        break;
      case "type":
        expect(story.setTypeLimits(step.limits).code).toBe("ok");
        model.typeLimits = step.limits;
        break;
      case "wait":
        story.nowMs += step.ms;
        model.nowMs += step.ms;
        break;
      case "restart":
        story.restart();
        break;
    }
  }

  #endHold(how: "void" | "capture" | "final", index: number, askedMinor: number): void {
    const { story, model } = this;
    const hold = this.holds[index];
    const from = this.ids[hold.wallet];
    if (how === "void") {
      expect(story.void(from, hold.id).code).toBe("ok");
    } else {
      const to = 1 - hold.wallet;
      const minor = Math.min(askedMinor, hold.leftMinor);
      const answer = story.capture(from, hold.id, minor, this.ids[to], how === "final" ? RECORD_OPTION.final : 0);
      if (!this.#isAllowed(answer, [[to, "credit"]], minor)) return;
      model.count(to, "credit", minor);
      hold.leftMinor -= minor;
      if (how === "capture" && hold.leftMinor > 0) return;
    }
    model.giveBack(hold.wallet, hold.counted, hold.leftMinor, hold.leftMinor === hold.amountMinor);
    this.holds.splice(index, 1);
  }

  #isAllowed(
    answer: ReturnType<LimitStory["debit"]>,
    sides: readonly (readonly [number, Side])[],
    amountMinor: number,
  ): boolean {
    for (const [index, side] of sides) {
      const refusal = this.model.refusal(index, side, amountMinor);
      if (refusal === undefined) continue;
      const [number, value, left] = refusal;
      expect(answer).toMatchObject({
        code: side === "debit" ? "limit_exceeded" : "destination_limit_exceeded",
        limit: { number, value: BigInt(value), left: BigInt(left) },
      });
      return false;
    }
    expect(answer.code).toBe("ok");
    return true;
  }
}

test("random movements, holds, limits, times and restarts come to what a plain list of movements comes to", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 60 }), (steps) => {
      const both = new Both();
      for (const step of steps) both.take(step);
      both.story.restart();
    }),
    { numRuns: 150 },
  );
});
