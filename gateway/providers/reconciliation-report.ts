import type { PayoutState } from "../../engine/payout/payout.ts";
import type { KeptAttention } from "../../engine/provider/attention.ts";
import { DISCREPANCIES, type ReconciliationLine, type ReconciliationReport } from "../../protocol/provider/rest.ts";
import type { FoundPayout } from "./payout-desk.ts";
import type { OrderStatus } from "./provider.ts";
import { eachOf } from "./provider-desk.ts";
import { ProviderFailure } from "./provider-failure.ts";
import type { ProviderLedger } from "./provider-ledger.ts";
import type { RegisteredProvider } from "./provider-register.ts";
import type { FoundTopUp } from "./top-up-desk.ts";

/** Lines of a report at most: each is a question to the provider. */
const LINES_MAX = 10_000;

const MOVED_TOP_UPS: ReadonlySet<FoundTopUp["status"]> = new Set(["COMPLETED"]);
const MOVED_PAYOUTS: ReadonlySet<PayoutState["status"]> = new Set(["PAID"]);

interface Period {
  readonly fromMs: number;
  readonly toMs: number;
}

type Findings = Pick<ReconciliationReport, "isComplete" | "totals" | "topUps" | "payouts" | "lines">;

/**
 * Compares the orders that came within a time with what the provider says of each now, and adds money of orders that the ledger does
 * not know. It changes nothing.
 */
export async function reconciliationReport(
  ledger: ProviderLedger,
  { name, provider }: RegisteredProvider,
  during: Period,
): Promise<Findings> {
  const lines: ReconciliationLine[] = [];
  let isComplete = true;
  const add = async (make: () => Promise<ReconciliationLine>): Promise<void> => {
    if (lines.length >= LINES_MAX) isComplete = false;
    else lines.push(await make());
  };
  await eachOf(ledger.all("TopUp", { provider: name }, during), (facts) =>
    add(async () => {
      const state = facts as unknown as FoundTopUp;
      const hereMinor = MOVED_TOP_UPS.has(state.status) ? state.creditedMinor : 0;
      return lineOf("top_up", state, hereMinor, await saidOf(() => provider.status(state)));
    }),
  );
  await eachOf(ledger.all("Payout", { provider: name }, during), (facts) =>
    add(async () => {
      const state = facts as unknown as FoundPayout;
      const hereMinor = MOVED_PAYOUTS.has(state.status) ? state.amountMinor : 0;
      return lineOf("payout", state, hereMinor, await saidOf(async () => provider.payouts?.status(state)));
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
