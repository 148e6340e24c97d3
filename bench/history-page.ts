import { formatUuid } from "../protocol/ids.ts";
import { LatencyHistogram } from "./histogram.ts";
import type { Ledger } from "./ledger.ts";
import type { Measurement } from "./row-result.ts";
import { measurementOf, type Run } from "./run.ts";
import { SHAPES } from "./workloads.ts";

const RECORDS = 1_000_000;
const LOADS_MAX = 20;

/**
 * The first page of 50 records of a wallet that has a million, asked for over REST one at a time: alone, and then while
 * transfers run, of which the note says how they fare with and without the reader.
 */
export async function measureHistory(run: Run): Promise<Measurement> {
  const ledger = await run.ledger(1);
  const walletId = formatUuid(ledger.wallets);
  let failure: string | null = null;
  let records = 0;
  for (let load = 0; load < LOADS_MAX && records < RECORDS; load += 1) {
    const outcome = await run.load(SHAPES.hundredHot, ledger, ledger.wallets);
    failure ??= await ledger.audit(outcome);
    records += outcome.acceptedTotal;
  }
  const alone = await run.load(SHAPES.hundred, ledger, ledger.wallets);
  failure ??= await ledger.audit(alone);
  const pages = await readPages(ledger, walletId, run.pace.measureMs);
  const reading = new AbortController();
  const besides = readPages(ledger, walletId, Number.POSITIVE_INFINITY, reading.signal);
  const both = await run.load(SHAPES.hundred, ledger, ledger.wallets);
  reading.abort();
  const pagesBesides = await besides;
  failure ??= await ledger.audit(both);
  const share = both.commandsPerSecond / alone.commandsPerSecond;
  return {
    ...measurementOf(both, failure),
    rate: pages.rate,
    latency: pages.histogram.percentiles(),
    notes: [
      `${Math.round(records / 1_000).toLocaleString("en-US")} k records on the wallet`,
      `beside writers: ${Math.round(pagesBesides.rate)} pages/s, writers at ${share.toFixed(2)} × of without`,
    ],
  };
}

async function readPages(
  { endpoint }: Ledger,
  walletId: string,
  measureMs: number,
  signal?: AbortSignal,
): Promise<{ readonly rate: number; readonly histogram: LatencyHistogram }> {
  const url = `http://${endpoint.host}:${endpoint.port}/api/v1/wallets/${walletId}/transactions?limit=50`;
  const headers = { authorization: `Bearer ${endpoint.key}` };
  const histogram = new LatencyHistogram();
  const startedMs = performance.now();
  let pages = 0;
  while (performance.now() - startedMs < measureMs && signal?.aborted !== true) {
    const askedMs = performance.now();
    const response = await fetch(url, { headers });
    const { transactions } = (await response.json()) as { readonly transactions: readonly unknown[] };
    if (transactions.length !== 50) throw new Error(`a page of ${transactions.length} records`);
    histogram.record(performance.now() - askedMs);
    pages += 1;
  }
  return { rate: (1_000 * pages) / (performance.now() - startedMs), histogram };
}
