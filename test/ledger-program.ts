import fc from "fast-check";
import { OPERATION } from "../protocol/command-record.ts";
import type { WalletView } from "./driven-ledger.ts";
import { type CommandExtension, type LedgerCommand, NIL_ID, timedId, untimedId } from "./ledger-command.ts";
import { type MoneyPlan, moneyFields, moneyPlan, namesAnother, PLAIN_MONEY, possible, targetOf } from "./money-plan.ts";
import { BASE_MS, EGP, OWNERS, SKEW_MS, USD, WINDOW_MS, walletsOf } from "./program-wallets.ts";
import { AMOUNT_MAX, accountId } from "./reference-books.ts";

/** How a command gets its id. */
type IdPlan =
  | { readonly type: "fresh" }
  /** One of a few ids that all shards share, so that they are used again with other bodies. */
  | { readonly type: "pool"; readonly number: number }
  | { readonly type: "untimed"; readonly number: number }
  | { readonly type: "nil" }
  /** Relative to the oldest time that is taken, or to the newest. */
  | { readonly type: "old"; readonly ms: number }
  | { readonly type: "future"; readonly ms: number };

/** A command before it is known what the ledger holds; numbers are taken modulo what there is to choose from. */
export type CommandPlan =
  | {
      readonly type: "new";
      readonly id: IdPlan;
      readonly operation: number;
      readonly wallet: number;
      readonly counterparty: number;
      readonly amountMinor: bigint;
      readonly currency: number;
      readonly walletType: number;
      readonly linked: boolean;
      readonly extension: ExtensionPlan | null;
      readonly money: MoneyPlan;
    }
  /** An earlier command of the same shard again, as it was or changed in one place. */
  | {
      readonly type: "again";
      readonly which: number;
      readonly change: "none" | "currency" | "extension" | "linked" | "amount";
    };

interface ExtensionPlan {
  readonly reference: string;
  readonly expected: "any" | "current" | "wrong" | "tooLarge";
  readonly metadata: string;
}

export type Step =
  | {
      readonly type: "send";
      readonly shard: number;
      readonly caller: number;
      readonly details: boolean;
      readonly timeOrderedIds: boolean;
      /** Whether the last command keeps its flag, which then points to none. */
      readonly leavesRunOpen: boolean;
      readonly commands: readonly CommandPlan[];
    }
  /** A whole earlier message again: what a client does that had no answer. */
  | { readonly type: "resend"; readonly which: number; readonly caller: number | null }
  | { readonly type: "flush"; readonly shard: number }
  | { readonly type: "deliver"; readonly from: number; readonly to: number }
  /** Holds whose time is over lapse. */
  | { readonly type: "expire"; readonly shard: number }
  | { readonly type: "settle" }
  | { readonly type: "tick"; readonly ms: number }
  | { readonly type: "crash" };

export interface Program {
  /** Ids without a time are forgotten by age alone, so in a program that has them time hardly moves. */
  readonly hasUntimedIds: boolean;
  readonly steps: readonly Step[];
}

/** Stands for whatever the named wallet holds, so that wallets come to be empty and can be closed. */
const WHOLE_BALANCE = -1n;

const amountMinor = fc.oneof(
  { weight: 12, arbitrary: fc.bigInt({ min: 1n, max: 60n }) },
  { weight: 4, arbitrary: fc.constant(WHOLE_BALANCE) },
  { weight: 1, arbitrary: fc.constantFrom(0n, 100n, 200n) },
  { weight: 2, arbitrary: fc.constantFrom(AMOUNT_MAX, AMOUNT_MAX - 100n, AMOUNT_MAX + 1n, 2n ** 64n - 1n, 2n ** 32n) },
);

const operation = fc.oneof(
  { weight: 10, arbitrary: fc.constant(OPERATION.Transfer) },
  { weight: 6, arbitrary: fc.constant(OPERATION.PlaceHold) },
  { weight: 6, arbitrary: fc.constant(OPERATION.CaptureHold) },
  { weight: 3, arbitrary: fc.constant(OPERATION.ReverseTransfer) },
  { weight: 3, arbitrary: fc.constantFrom(OPERATION.VoidHold, OPERATION.ExchangeCurrency) },
  { weight: 4, arbitrary: fc.constantFrom(OPERATION.Credit, OPERATION.Debit) },
  { weight: 2, arbitrary: fc.constantFrom(OPERATION.CreateWallet, OPERATION.SetOverdraftLimit) },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      OPERATION.ActivateWallet,
      OPERATION.FreezeWallet,
      OPERATION.UnfreezeWallet,
      OPERATION.UnfreezeWallet,
      OPERATION.CloseWallet,
    ),
  },
);

const idPlan: fc.Arbitrary<IdPlan> = fc.oneof(
  { weight: 24, arbitrary: fc.constant<IdPlan>({ type: "fresh" }) },
  { weight: 8, arbitrary: fc.record({ type: fc.constant("pool" as const), number: fc.nat(5) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("untimed" as const), number: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.constant<IdPlan>({ type: "nil" }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant("old" as const), ms: fc.integer({ min: -1_500, max: 1_500 }) }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("future" as const), ms: fc.integer({ min: -2, max: 2 }) }) },
);

const extension: fc.Arbitrary<ExtensionPlan | null> = fc.option(
  fc.record({
    reference: fc.constantFrom(NIL_ID, untimedId(0xc1)),
    expected: fc.oneof(
      { weight: 12, arbitrary: fc.constantFrom("any" as const, "current" as const) },
      { weight: 2, arbitrary: fc.constant("wrong" as const) },
      { weight: 1, arbitrary: fc.constant("tooLarge" as const) },
    ),
    metadata: fc.constantFrom("", '{"order":1}', JSON.stringify({ note: "ü".repeat(60) })),
  }),
  { freq: 3 },
);

const commandPlan: fc.Arbitrary<CommandPlan> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant("new" as const),
      id: idPlan,
      operation: fc.oneof({ weight: 40, arbitrary: operation }, { weight: 1, arbitrary: fc.constantFrom(0, 100, 255) }),
      wallet: fc.nat(15),
      counterparty: fc.nat(31),
      amountMinor,
      currency: fc.constantFrom(0, 0, 0, EGP, EGP, USD, 1),
      walletType: fc.constantFrom(0, 1, 1, 1, 2, 3, 4),
      linked: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
      extension,
      money: moneyPlan,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant("again" as const),
      which: fc.nat(1_000),
      change: fc.constantFrom("none", "none", "none", "currency", "extension", "linked", "amount"),
    }),
  },
);

const caller = fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constantFrom(1, 2) });

/** Programs for a number of shards. */
export function programs(shardCount: number): fc.Arbitrary<Program> {
  const shard = fc.nat(shardCount - 1);
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 12,
      arbitrary: fc.record({
        type: fc.constant("send" as const),
        shard,
        caller,
        details: fc.boolean(),
        timeOrderedIds: fc.oneof(
          { weight: 4, arbitrary: fc.constant(false) },
          { weight: 1, arbitrary: fc.constant(true) },
        ),
        leavesRunOpen: fc.oneof(
          { weight: 15, arbitrary: fc.constant(false) },
          { weight: 1, arbitrary: fc.constant(true) },
        ),
        commands: fc.array(commandPlan, { minLength: 1, maxLength: 6 }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        type: fc.constant("resend" as const),
        which: fc.nat(1_000),
        caller: fc.option(caller, { freq: 3 }),
      }),
    },
    { weight: 6, arbitrary: fc.record({ type: fc.constant("flush" as const), shard }) },
    {
      weight: shardCount === 1 ? 0 : 8,
      arbitrary: fc.record({ type: fc.constant("deliver" as const), from: shard, to: shard }),
    },
    { weight: 2, arbitrary: fc.record({ type: fc.constant("expire" as const), shard }) },
    { weight: 1, arbitrary: fc.constant<Step>({ type: "settle" }) },
    { weight: 2, arbitrary: fc.record({ type: fc.constant("tick" as const), ms: fc.nat(40_000) }) },
    { weight: 2, arbitrary: fc.constant<Step>({ type: "crash" }) },
  );
  return fc.record({ hasUntimedIds: fc.boolean(), steps: fc.array(step, { maxLength: 60, size: "max" }) });
}

/** Where ids come from and what they may hit. */
export interface PlanContext {
  readonly shard: number;
  readonly shardCount: number;
  readonly nowMs: number;
  readonly hasUntimedIds: boolean;
  readonly nextNumber: () => number;
  readonly sent: readonly LedgerCommand[];
  readonly wallet: (id: string) => WalletView | undefined;
  /** Holds that are open on the shard. */
  readonly holds: readonly { readonly id: string; readonly walletId: string }[];
}

/** The command of a plan. */
export function realise(plan: CommandPlan, context: PlanContext): LedgerCommand {
  if (plan.type === "again") {
    const { sent } = context;
    const first = sent[plan.which % Math.max(1, sent.length)];
    if (first !== undefined) return changed(first, plan.change);
    return realise(FIRST_PLAN, context);
  }
  const { shard, shardCount } = context;
  const own = [...mostlyTwo(walletsOf(shard, shardCount)), accountId(shard, EGP, "funding"), NIL_ID];
  const all = Array.from({ length: shardCount }, (_, other) => mostlyTwo(walletsOf(other, shardCount))).flat();
  all.push(accountId(shard, EGP, "payout"), accountId((shard + 1) % shardCount, EGP, "transit"));
  const isCreation = plan.operation === OPERATION.CreateWallet;
  const far = isCreation ? [...OWNERS, ...OWNERS, ...OWNERS, NIL_ID, accountId(shard, EGP, "fees")] : all;
  const operation = possible(plan.operation, plan.money, context.holds);
  const hasFar = isCreation || namesAnother(operation, plan.money);
  const target = targetOf(operation, plan.money, context.holds, context.sent);
  const fields = moneyFields(operation, plan.money, context.nowMs, target);
  const walletId = target !== undefined && plan.money.isOwn ? target.walletId : own[plan.wallet % own.length];
  return {
    id: idOf(plan.id, context),
    operation,
    walletId,
    counterpartyId: hasFar ? far[plan.counterparty % far.length] : NIL_ID,
    amountMinor: amountOf(plan, context.wallet(walletId)),
    currency: currencyOf(plan),
    walletType: isCreation ? plan.walletType : 0,
    linked: plan.linked,
    extension:
      plan.extension === null && fields === undefined
        ? null
        : { ...saidIn(plan.extension, context.wallet(walletId)?.version ?? 1n), ...fields },
  };
}

function saidIn(plan: ExtensionPlan | null, version: bigint): CommandExtension {
  const { reference, expected, metadata } = plan ?? PLAIN_EXTENSION;
  return { reference, expectedVersion: expectedOf(expected, version), metadata };
}

const PLAIN_EXTENSION: ExtensionPlan = { reference: NIL_ID, expected: "any", metadata: "" };

const FIRST_PLAN: CommandPlan = {
  type: "new",
  id: { type: "fresh" },
  operation: OPERATION.Credit,
  wallet: 0,
  counterparty: 0,
  amountMinor: 10n,
  currency: 0,
  walletType: 0,
  linked: false,
  extension: null,
  money: PLAIN_MONEY,
};

/** The first two of three wallets more often than the last, which has to be opened first. */
function mostlyTwo([first, second, third]: readonly string[]): string[] {
  return [first, second, first, second, first, second, third];
}

/** A new wallet needs a currency; what is said of holds and movements hardly ever names a wrong one. */
function currencyOf({ operation, currency, money }: CommandPlan & { type: "new" }): number {
  if (operation === OPERATION.CreateWallet) return currency === 0 ? EGP : currency;
  return operation >= OPERATION.PlaceHold && money.isOwn && currency === USD ? 0 : currency;
}

function amountOf({ operation, amountMinor }: CommandPlan & { type: "new" }, wallet: WalletView | undefined): bigint {
  if (amountMinor === WHOLE_BALANCE) return wallet !== undefined && wallet.postedMinor > 0n ? wallet.postedMinor : 0n;
  // A new wallet seldom has an overdraft, so that every caller may open some.
  return operation === OPERATION.CreateWallet && amountMinor <= 40n ? 0n : amountMinor;
}

function expectedOf(expected: ExtensionPlan["expected"], version: bigint): bigint {
  const versions = { any: 0n, current: version, wrong: version + 1n, tooLarge: AMOUNT_MAX + 1n };
  return versions[expected];
}

function idOf(plan: IdPlan, { nowMs, hasUntimedIds, nextNumber }: PlanContext): string {
  switch (plan.type) {
    case "fresh":
      return timedId(nowMs, 0x1000 + nextNumber());
    case "pool":
      return timedId(BASE_MS, plan.number);
    case "untimed":
      return hasUntimedIds ? untimedId(plan.number + 1) : timedId(BASE_MS - 1_000, plan.number);
    case "nil":
      return NIL_ID;
    case "old":
      return timedId(nowMs - WINDOW_MS + plan.ms, nextNumber() % 3);
    case "future":
      return timedId(nowMs + SKEW_MS + plan.ms, nextNumber() % 3);
  }
}

function changed(first: LedgerCommand, change: (CommandPlan & { type: "again" })["change"]): LedgerCommand {
  switch (change) {
    case "none":
      return first;
    case "currency":
      return { ...first, currency: first.currency === 0 ? EGP : 0 };
    case "extension":
      return {
        ...first,
        extension: first.extension === null ? { reference: NIL_ID, expectedVersion: 0n, metadata: "" } : null,
      };
    case "linked":
      return { ...first, linked: !first.linked };
    case "amount":
      return { ...first, amountMinor: first.amountMinor ^ 1n };
  }
}
