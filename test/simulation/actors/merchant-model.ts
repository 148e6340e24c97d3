import { deepStrictEqual } from "node:assert";
import { isDeepStrictEqual } from "node:util";
import type { Code } from "../../../protocol/codes.ts";
import { untimedId } from "../../ledger-command.ts";
import type { Random } from "../random.ts";
import type { ActorModel, Happened, Meant, Steps, Told } from "./actor-model.ts";
import { MERCHANT_ID, WALLETS } from "./actor-wallets.ts";

interface Calendar {
  readonly every: "day" | "week" | "month";
  readonly weekday?: number;
  readonly hour: number;
  readonly timeZone: string;
}

interface Batch {
  readonly number: number;
  readonly payoutMinor: number;
}

/** What payments take from their merchant. */
export interface Terms {
  readonly walletId: string;
  readonly ownerId: string;
  readonly currency: string;
  readonly status: string;
  readonly fee?: Fee;
}

interface Fee {
  readonly walletId: string;
  readonly fixedMinor: number;
  readonly basisPoints: number;
}

interface Merchant {
  terms: Terms;
  /** All that they ever were. */
  readonly was: Terms[];
  bank: string;
  calendar: Calendar;
  leastMinor: number;
  dueAtMs: number;
  closing: { readonly begunAtMs: number; readonly leastMinor: number } | undefined;
  refusal: string | undefined;
  readonly batches: Batch[];
  /** Where each payout went. */
  readonly paid: { readonly bank: string; readonly payoutMinor: number }[];
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Of Cairo in winter; a simulation sees no summer. */
const OFFSET_MS = 2 * HOUR_MS;
const MERCHANTS = WALLETS.merchants.length;
const ADMIN = { isAdmin: true, ownerId: "" };

/** Command → the statuses in which it is taken. */
const TAKEN: Readonly<Record<string, readonly string[]>> = {
  ChangeFeeRule: ["ACTIVE", "SUSPENDED"],
  ChangeSettlement: ["ACTIVE", "SUSPENDED"],
  SuspendMerchant: ["ACTIVE"],
  ReactivateMerchant: ["SUSPENDED"],
  CloseMerchant: ["ACTIVE", "SUSPENDED"],
  CloseBatch: ["ACTIVE", "CLOSED"],
};

const WEIGHTS = {
  ChangeFeeRule: 12,
  ChangeSettlement: 6,
  SuspendMerchant: 3,
  ReactivateMerchant: 9,
  CloseMerchant: 1,
  CloseBatch: 18,
} as const;

/** Merchants and their batches, thought anew. */
export class MerchantModel implements ActorModel {
  readonly type = "Merchant";
  readonly #merchants = new Map<string, Merchant>();
  #planned = 0;

  ids(): Iterable<string> {
    return this.#merchants.keys();
  }

  /** A merchant that a payment may name, now and then one that there is not. */
  pick(random: Random): string {
    return merchantId(random.between(1, random.chance(0.05) ? MERCHANTS + 1 : MERCHANTS));
  }

  /** Whether a merchant's terms have ever been what a payment found. */
  hasBeen(id: string, facts: Terms): boolean {
    return (this.#merchants.get(id)?.was ?? []).some((terms) => isSame(terms, facts));
  }

  plan(random: Random): Meant {
    if (this.#planned < MERCHANTS) {
      this.#planned += 1;
      return { aggregate: this.type, id: merchantId(this.#planned), command: this.#registering(random), by: ADMIN };
    }
    const type = random.weighted(WEIGHTS);
    const body = this.#body(type, random);
    return { aggregate: this.type, id: this.pick(random), command: { type, ...body }, by: ADMIN };
  }

  #registering(random: Random): Meant["command"] {
    const at = this.#planned - 1;
    return {
      type: "RegisterMerchant",
      name: "a shop",
      ownerId: MERCHANT_ID,
      walletId: WALLETS.merchants[at],
      payoutWalletId: random.pick(WALLETS.banks),
      currency: "EGP",
      fee: aFee(random),
      settlement: aCalendar(random),
    };
  }

  #body(type: keyof typeof WEIGHTS, random: Random): object {
    switch (type) {
      case "ChangeFeeRule":
        return random.chance(0.8) ? { fee: aFee(random) } : {};
      case "ChangeSettlement":
        return {
          ...(random.chance(0.5) ? { payoutWalletId: random.pick(WALLETS.banks) } : {}),
          ...(random.chance(0.5) ? { settlement: aCalendar(random) } : {}),
          ...(random.chance(0.5) ? { minimumPayoutMinor: random.pick([1, 30, 300]) } : {}),
        };
      case "SuspendMerchant":
      case "CloseMerchant":
        return { reason: "looked at" };
      default:
        return {};
    }
  }

  decide({ id, command, nowMs, isOwn }: Told): Code | "steps" {
    const merchant = this.#merchants.get(id);
    if (command.type === "RegisterMerchant") return merchant === undefined ? "ok" : "merchant_exists";
    if (merchant === undefined) return "merchant_not_found";
    if (isOwn === true && merchant.dueAtMs > nowMs) throw new Error("its batch is not due");
    if (!TAKEN[command.type].includes(merchant.terms.status)) return "merchant_status_conflict";
    return command.type === "CloseBatch" || command.type === "CloseMerchant" ? "steps" : "ok";
  }

  begun({ id, command, nowMs }: Told, steps: Steps): void {
    const merchant = this.#of(id);
    const leastMinor = command.type === "CloseMerchant" ? 1 : merchant.leastMinor;
    const { walletId } = merchant.terms;
    deepStrictEqual(
      steps.map(({ ask }) => [ask.operation, ask.walletId, ask.toWalletId, ask.amountMinor]),
      [["SweepBalance", walletId, merchant.bank, leastMinor]],
    );
    merchant.closing = { begunAtMs: nowMs, leastMinor };
    merchant.dueAtMs = nextAtMs(merchant.calendar, nowMs);
  }

  ended({ id, command, nowMs }: Told, code: Code, events: readonly Happened[]): void {
    if (command.type === "RegisterMerchant") {
      const { walletId, ownerId, currency, fee } = command as unknown as Terms;
      const terms = { walletId, ownerId, currency, status: "ACTIVE", ...(fee === undefined ? {} : { fee }) };
      const calendar = command.settlement as Calendar;
      this.#merchants.set(id, {
        terms,
        was: [terms],
        bank: String(command.payoutWalletId),
        calendar,
        leastMinor: Number(command.minimumPayoutMinor ?? 1),
        dueAtMs: nextAtMs(calendar, nowMs),
        closing: undefined,
        refusal: undefined,
        batches: [],
        paid: [],
      });
      return;
    }
    const merchant = this.#of(id);
    const { closing } = merchant;
    switch (command.type) {
      case "ChangeFeeRule": {
        const { fee: _, ...rest } = merchant.terms;
        change(merchant, command.fee === undefined ? rest : { ...rest, fee: command.fee as Fee });
        return;
      }
      case "ChangeSettlement":
        merchant.bank = String(command.payoutWalletId ?? merchant.bank);
        merchant.calendar = (command.settlement ?? merchant.calendar) as Calendar;
        merchant.leastMinor = Number(command.minimumPayoutMinor ?? merchant.leastMinor);
        merchant.dueAtMs = nextAtMs(merchant.calendar, nowMs);
        return;
      case "SuspendMerchant":
        change(merchant, { ...merchant.terms, status: "SUSPENDED" });
        return;
      case "ReactivateMerchant":
        change(merchant, { ...merchant.terms, status: "ACTIVE" });
        return;
      default:
    }
    if (closing === undefined) throw new Error("a batch ends that has not begun");
    merchant.closing = undefined;
    merchant.refusal = code === "ok" ? undefined : code;
    if (code !== "ok") {
      merchant.dueAtMs = Math.min(merchant.dueAtMs, closing.begunAtMs + HOUR_MS);
      return;
    }
    const closed = events
      .filter(({ type }) => type === "BatchClosed")
      .map((event) => batchOf(event as unknown as Batch));
    const payoutMinor = closed[0]?.payoutMinor ?? 0;
    deepStrictEqual(closed, [{ number: merchant.batches.length + 1, payoutMinor }]);
    if (payoutMinor !== 0 && payoutMinor < closing.leastMinor) throw new Error("less than the least was paid out");
    merchant.batches.push({ number: merchant.batches.length + 1, payoutMinor });
    merchant.paid.push({ bank: merchant.bank, payoutMinor });
    if (command.type === "CloseMerchant") change(merchant, { ...merchant.terms, status: "CLOSED" });
  }

  compare(id: string, state: unknown): void {
    const { batches, nextBatchAtMs, minimumPayoutMinor, payoutWalletId, refusal, ...rest } = state as Terms & {
      readonly batches: readonly Batch[];
      readonly nextBatchAtMs: number;
      readonly minimumPayoutMinor: number;
      readonly payoutWalletId: string;
      readonly refusal?: string;
    };
    const merchant = this.#of(id);
    deepStrictEqual(isSame(merchant.terms, rest), true, "its terms");
    deepStrictEqual(
      [batches.map(batchOf), nextBatchAtMs, minimumPayoutMinor, payoutWalletId, refusal],
      [merchant.batches, merchant.dueAtMs, merchant.leastMinor, merchant.bank, merchant.refusal],
    );
  }

  isOverdue(id: string, nowMs: number): boolean {
    const { terms, dueAtMs } = this.#of(id);
    return terms.status === "ACTIVE" && dueAtMs <= nowMs;
  }

  /** What the batches say has left the merchants' wallets, each to the bank that counted as it began. */
  money(add: (walletId: string, postedMinor: number, heldMinor: number) => void): void {
    for (const { terms, paid } of this.#merchants.values()) {
      for (const { bank, payoutMinor } of paid) {
        add(terms.walletId, -payoutMinor, 0);
        add(bank, payoutMinor, 0);
      }
    }
  }

  #of(id: string): Merchant {
    const merchant = this.#merchants.get(id);
    if (merchant === undefined) throw new Error(`there is no merchant ${id}`);
    return merchant;
  }
}

function merchantId(number: number): string {
  return untimedId(0xd_5000 + number);
}

function aFee(random: Random): Fee {
  const basisPoints = random.pick([0, 250, 333, 1_000]);
  return { walletId: random.pick(WALLETS.fees), fixedMinor: random.between(0, 4), basisPoints };
}

/** A simulation passes midnight, if any hour. */
function aCalendar(random: Random): Calendar {
  const every = random.pick(["day", "day", "week", "month"] as const);
  const weekday = every === "week" && random.chance(0.5) ? { weekday: random.between(1, 7) } : {};
  return { every, ...weekday, hour: random.pick([0, 0, 1, 13]), timeZone: "Africa/Cairo" };
}

/** The first moment after a time that the calendar names. */
function nextAtMs({ every, weekday = 1, hour }: Calendar, afterMs: number): number {
  const midnightMs = Math.floor((afterMs + OFFSET_MS) / DAY_MS) * DAY_MS - OFFSET_MS;
  for (let atMs = midnightMs + hour * HOUR_MS; ; atMs += DAY_MS) {
    const date = new Date(atMs + OFFSET_MS);
    const isNamed = every === "day" || (every === "week" ? date.getUTCDay() === weekday % 7 : date.getUTCDate() === 1);
    if (isNamed && atMs > afterMs) return atMs;
  }
}

function change(merchant: Merchant, terms: Terms): void {
  merchant.terms = terms;
  merchant.was.push(terms);
}

function batchOf({ number, payoutMinor }: Batch): Batch {
  return { number, payoutMinor };
}

/** Whether both say the same of what is named in terms. */
function isSame(one: Terms, other: Terms): boolean {
  const named = ({ walletId, ownerId, currency, status, fee }: Terms): unknown[] => [
    ...[walletId, ownerId, currency, status],
    ...[fee?.walletId, fee?.fixedMinor, fee?.basisPoints],
  ];
  return isDeepStrictEqual(named(one), named(other));
}
