/** The routes of merchants and of their batches. */

import type { MerchantState } from "../../engine/merchant/merchant.ts";
import { netMinor } from "../../engine/merchant/settlement-totals.ts";
import { isUuid } from "../../protocol/ids.ts";
import {
  merchantAnswer,
  merchantFoundAnswer,
  merchantsAnswer,
  settlementAnswer,
  settlementsAnswer,
} from "../../protocol/merchant/answers.ts";
import {
  changeFeeRuleBody,
  changeSettlementBody,
  merchantChangeBody,
  merchantReasonBody,
  merchantsQuery,
  registerMerchantBody,
  settlementQuery,
} from "../../protocol/merchant/commands.ts";
import { lookupActor } from "../actors.ts";
import type { Caller } from "../caller.ts";
import type { GatewayContext } from "../context.ts";
import { addUpBatch, type BatchFound, timeText } from "../history-queries.ts";
import { actorRoutes } from "./actor-routes.ts";
import { checkedQuery, meaningsOf } from "./checked-query.ts";
import { csvLine } from "./csv.ts";
import type { Exchange } from "./exchange.ts";
import type { PlainRoute } from "./route.ts";

const MERCHANT = "Merchant";
const MERCHANTS = "/api/v1/merchants";
const NUMBER = /^[1-9]\d{0,8}$/;

type Batch = MerchantState["batches"][number];
type Merchant = MerchantState & { readonly id: string };

export const MERCHANT_ROUTES: readonly PlainRoute[] = [
  ...actorRoutes({
    actor: MERCHANT,
    path: MERCHANTS,
    found: {
      summary: "A merchant, for its owner and admins.",
      answer: merchantFoundAnswer,
      view: merchantView,
    },
    answer: merchantAnswer,
    list: {
      summary: "The merchants that the caller may see, the newest first.",
      answer: merchantsAnswer,
      name: "merchants",
      query: merchantsQuery,
      view: merchantView,
    },
    create: {
      type: "RegisterMerchant",
      body: registerMerchantBody,
      summary: "Registers a merchant: its wallets, what its payments cost it, and when it is paid out; for admins.",
    },
    changes: [
      {
        path: "/fee-rule",
        method: "put",
        type: "ChangeFeeRule",
        body: changeFeeRuleBody,
        summary: "Changes what payments cost that are initiated from now on; for admins.",
      },
      {
        path: "/settlement-rule",
        method: "put",
        type: "ChangeSettlement",
        body: changeSettlementBody,
        summary: "Changes when a merchant is paid out, where to, and from what amount on.",
      },
      {
        path: "/suspend",
        type: "SuspendMerchant",
        body: merchantReasonBody,
        summary: "Has a merchant take no new payments, and pays nothing out; for admins.",
      },
      {
        path: "/reactivate",
        type: "ReactivateMerchant",
        body: merchantChangeBody,
        summary: "Ends a suspension; a batch that has become due is closed at once. For admins.",
      },
      {
        path: "/close",
        type: "CloseMerchant",
        body: merchantReasonBody,
        summary: "Pays out what is left, and ends a merchant; for admins.",
      },
      {
        path: "/settle",
        type: "CloseBatch",
        body: merchantChangeBody,
        summary: "Closes the running batch now, and pays it out; for admins.",
      },
    ],
    reads: [
      {
        path: "/settlements",
        isWhole: true,
        summary: "The batches of a merchant that were closed, the newest first.",
        answer: settlementsAnswer,
        view: settlementsView,
      },
    ],
  }),
  {
    kind: "plain",
    method: "get",
    path: `${MERCHANTS}/{id}/settlements/{number}`,
    summary: "One batch, added up from the history of the merchant's wallet, and checked against its balances.",
    status: 200,
    answer: settlementAnswer,
    access: "caller",
    query: meaningsOf(settlementQuery),
    run: report,
  },
];

function merchantView(state: Readonly<Record<string, unknown>>): object {
  const { closing: _, nextBatchAtMs, registeredAtMs, ...facts } = state;
  return {
    ...facts,
    nextBatchAt: timeText(nextBatchAtMs as number),
    registeredAt: timeText(registeredAtMs as number),
  };
}

function settlementsView(state: Readonly<Record<string, unknown>>): object {
  const { id, walletId, currency, batches } = state as unknown as Merchant;
  const shown = batches.filter(({ number }) => boundsOf(batches, number) !== undefined);
  return { merchantId: id, walletId, currency, settlements: shown.reverse().map(batchView) };
}

function batchView({ walletVersion: _, closedAtMs, ...batch }: Batch): object {
  return { ...batch, closedAt: timeText(closedAtMs) };
}

/** A batch and the one before it; undefined where the merchant remembers either no longer. */
function boundsOf(
  batches: readonly Batch[],
  number: number,
): { readonly batch: Batch; readonly before: Batch | undefined } | undefined {
  const at = batches.findIndex((batch) => batch.number === number);
  return at < 0 || (at === 0 && number > 1) ? undefined : { batch: batches[at] as Batch, before: batches[at - 1] };
}

function report(exchange: Exchange, context: GatewayContext, caller: Caller): void {
  const number = NUMBER.test(exchange.secondParameter) ? Number(exchange.secondParameter) : 0;
  if (!isUuid(exchange.parameter) || number === 0) {
    const field = number === 0 ? "number" : "id";
    exchange.problem("invalid_request", { detail: `the ${field} in the path is none`, field });
    return;
  }
  const query = checkedQuery(exchange, settlementQuery);
  if (query === undefined) return;
  const asked = { aggregate: MERCHANT, id: exchange.parameter.toLowerCase(), isWhole: true };
  const code = lookupActor(context.dispatcher, caller, asked, (state) => {
    if (typeof state === "string") {
      exchange.problem(state);
      return;
    }
    const merchant = state as unknown as Merchant;
    const bounds = boundsOf(merchant.batches, number);
    if (bounds === undefined) {
      exchange.problem("settlement_not_found");
      return;
    }
    const { batch, before } = bounds;
    const { id: merchantId, walletId } = merchant;
    const part = { merchantId, walletId, after: sequenceOf(before), through: sequenceOf(batch) };
    const reportCode = addUpBatch(context, caller, part, (found) => {
      if ("code" in found) exchange.problem(found.code);
      else if (!isSameHistory(found, batch, before)) exchange.problem("history_expired");
      else answer(exchange, reportOf(merchant, batch, found), query.format === "csv");
    });
    if (reportCode !== "ok") exchange.problem(reportCode);
  });
  if (code !== "ok") exchange.problem(code);
}

/** Whether the positions are still those of the journal: a ledger that was rebuilt has others. */
function isSameHistory({ opening, closing }: BatchFound, batch: Batch, before: Batch | undefined): boolean {
  return closing?.version === batch.walletVersion && (opening?.version ?? 0) === (before?.walletVersion ?? 0);
}

function reportOf(merchant: Merchant, batch: Batch, { opening, closing, totals }: BatchFound): object {
  const { id: merchantId, walletId, currency } = merchant;
  const openingMinor = opening?.postedMinor ?? 0;
  const closingMinor = closing?.postedMinor ?? 0;
  const isBalanced = openingMinor + netMinor(totals) === closingMinor && totals.payoutsMinor === batch.payoutMinor;
  return { merchantId, walletId, currency, ...batchView(batch), openingMinor, ...totals, closingMinor, isBalanced };
}

function answer(exchange: Exchange, found: object, isCsv: boolean): void {
  if (!isCsv) {
    exchange.json(200, JSON.stringify(found));
    return;
  }
  const columns = Object.keys(settlementAnswer.shape);
  const cells = new Map(Object.entries(found).map(([name, value]) => [name, value as string | number | boolean]));
  const line = columns.map((name) => {
    const value = cells.get(name) ?? "";
    return typeof value === "boolean" ? String(value) : value;
  });
  exchange.send(200, "text/csv; charset=utf-8", csvLine(columns) + csvLine(line));
}

/** The sequence of a batch's end; 0 where there is none before it. */
function sequenceOf(batch: Batch | undefined): number {
  return batch === undefined ? 0 : Number(batch.position.slice(batch.position.indexOf(":") + 1));
}
