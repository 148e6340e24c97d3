import type { PayoutState } from "../../engine/payout/payout.ts";
import type { KeptAttention } from "../../engine/provider/attention.ts";
import { DISCREPANCIES, type ReconciliationLine, type ReconciliationReport } from "../../protocol/provider/rest.ts";
import type { FoundPayout } from "./payout-desk.ts";
import type { OrderStatus } from "./provider.ts";
import { eachOf, type ProviderDesk } from "./provider-desk.ts";
import { ProviderFailure } from "./provider-failure.ts";
import type { RegisteredProvider } from "./provider-register.ts";
import type { FoundTopUp } from "./top-up-desk.ts";

/** Lines of a report at most: each is a question to the provider. */
const LINES_MAX = 10_000;

const MOVED_TOP_UPS: ReadonlySet<FoundTopUp["status"]> = new Set(["COMPLETED"]);
const MOVED_PAYOUTS: ReadonlySet<PayoutState["status"]> = new Set(["PAID"]);

const ENDED_UNPAID: ReadonlySet<string> = new Set(["FAILED", "EXPIRED"]);

interface Period {
  readonly fromMs: number;
  readonly toMs: number;
}

type Findings = Pick<ReconciliationReport, "isComplete" | "totals" | "topUps" | "payouts" | "lines">;

/**
 * Compares the orders that came within a time with what the provider says of each now, and adds money of orders that the ledger does
 * not know.
 *
 * It moves no money. Money of an order that has ended unpaid is written down, so that an operator can decide on it.
 */
export async function reconciliationReport(
  { ledger, topUps, payouts }: ProviderDesk,
  registered: RegisteredProvider,
  during: Period,
): Promise<Findings> {
  const { name, provider } = registered;
  const lines: ReconciliationLine[] = [];
  let isComplete = true;
  const add = async (make: () => Promise<ReconciliationLine>): Promise<void> => {
    if (lines.length >= LINES_MAX) isComplete = false;
    else lines.push(await make());
  };
  await eachOf(ledger.all("TopUp", { provider: name }, during), (facts) =>
    add(async () => {
      let state = facts as unknown as FoundTopUp;
      const said = await saidOf(() => provider.status(state));
      if (said !== undefined && isLate(state, said)) {
        await topUps.settle(registered, state, said);
        state = await again(ledger.find("TopUp", state.id), state);
      }
      return lineOf("top_up", state, MOVED_TOP_UPS.has(state.status) ? state.creditedMinor : 0, said);
    }),
  );
  await eachOf(ledger.all("Payout", { provider: name }, during), (facts) =>
    add(async () => {
      let state = facts as unknown as FoundPayout;
      const said = await saidOf(async () => provider.payouts?.status(state));
      if (said !== undefined && isLate(state, said)) {
        await payouts.settle(registered, state, said);
        state = await again(ledger.find("Payout", state.id), state);
      }
      return lineOf("payout", state, MOVED_PAYOUTS.has(state.status) ? state.amountMinor : 0, said);
    }),
  );
  for await (const facts of ledger.all("Stray", { provider: name, status: "OPEN" }, during)) {
    await add(async () => strayLine(facts));
  }
  return {
    isComplete,
    totals: Object.fromEntries(
      DISCREPANCIES.map((result) => [result, sumOf(lines.filter((line) => line.result === result))]),
    ) as Findings["totals"],
    topUps: sumOf(lines.filter(({ kind }) => kind !== "payout")),
    payouts: sumOf(lines.filter(({ kind }) => kind === "payout")),
    lines,
  };
}

/** Whether there is money that the ledger, having ended the order, has not heard of. */
function isLate(
  { status, attention }: Pick<FoundTopUp, "attention"> & { readonly status: string },
  said: OrderStatus,
): boolean {
  return ENDED_UNPAID.has(status) && said.state === "paid" && attention.length === 0;
}

/** An actor as it is now, or as it was where that cannot be seen. */
async function again<State>(found: ReturnType<ProviderDesk["ledger"]["find"]>, before: State): Promise<State> {
  const state = await found;
  return typeof state === "string" ? before : (state as unknown as State);
}

/** What the provider says, or undefined where it does not. */
async function saidOf(ask: () => Promise<OrderStatus | undefined>): Promise<OrderStatus | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof ProviderFailure) return undefined;
    throw error;
  }
}

function lineOf(
  kind: "top_up" | "payout",
  { id, status, currency, attention }: Pick<FoundTopUp, "id" | "currency" | "attention"> & { readonly status: string },
  hereMinor: number,
  said: OrderStatus | undefined,
): ReconciliationLine {
  const thereMinor = said?.state === "paid" ? said.amountMinor : 0;
  const transaction = said !== undefined && "transactionId" in said ? { transactionId: said.transactionId } : {};
  return {
    kind,
    id,
    result: said === undefined ? "unanswered" : resultOf(hereMinor, thereMinor),
    status,
    state: said?.state ?? "unanswered",
    ...transaction,
    currency,
    hereMinor,
    thereMinor,
    attention: attention.filter(({ decision }: KeptAttention) => decision === undefined).length,
  };
}

function strayLine(facts: Readonly<Record<string, unknown>>): ReconciliationLine {
  return {
    kind: "stray",
    id: String(facts.id),
    result: "missing_here",
    status: String(facts.status),
    state: "paid",
    transactionId: String(facts.transactionId),
    currency: String(facts.currency),
    hereMinor: 0,
    thereMinor: Number(facts.amountMinor),
    attention: 1,
  };
}

function resultOf(hereMinor: number, thereMinor: number): ReconciliationLine["result"] {
  if (hereMinor === thereMinor) return "matched";
  if (hereMinor === 0) return "missing_here";
  return thereMinor === 0 ? "missing_there" : "amount_differs";
}

/** Sums may be above 2^53. */
function sumOf(lines: readonly ReconciliationLine[]): Findings["topUps"] {
  const sum = (side: "hereMinor" | "thereMinor"): string =>
    String(lines.reduce((total, line) => total + BigInt(line[side]), 0n));
  return { count: lines.length, hereMinor: sum("hereMinor"), thereMinor: sum("thereMinor") };
}
