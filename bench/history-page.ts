import { formatUuid } from "../protocol/ids.ts";
import type { Ledger } from "./ledger.ts";
import { LedgerClient } from "./ledger-client.ts";
import { type Measured, Meter } from "./load/meter.ts";
import type { Endpoint } from "./load/workload.ts";
import { RestClient } from "./rest-client.ts";
import type { Measurement } from "./row-result.ts";
import { measurementOf, type Run } from "./run.ts";
import { SHAPES } from "./workloads.ts";

const RECORDS = 1_000_000;
const LOADS_MAX = 20;
const PAGE = 50;

/** A connection that asks for the first page of one wallet again and again. */
export interface PageReader {
  /** Resolves with the JSON of the page. */
  page(): Promise<string>;
  close(): void;
}

export async function openRestPages(endpoint: Endpoint, walletId: string): Promise<PageReader> {
  const client = await RestClient.open(endpoint);
  const path = `/api/v1/wallets/${walletId}/transactions?limit=${PAGE}`;
  return { page: () => client.get(path), close: () => client.close() };
}

export async function openBinaryPages(endpoint: Endpoint, walletId: string): Promise<PageReader> {
  const client = await LedgerClient.open(endpoint);
  const query = { type: "ListTransactions", walletId, limit: PAGE };
  return { page: () => client.query(query), close: () => client.close() };
}

/**
 * The first page of a wallet that has a million records, one page at a time: of a wallet that was busy to the last, so that
 * the page stands in a frame or two, and of one whose newest records are spread over as many full frames; then beside
 * writers, of which the note says how they fare with and without the reader.
 */
export async function measureRestPages(run: Run): Promise<Measurement> {
  const ledger = await run.ledger(1);
  const busy = await measureBusy(run, ledger, openRestPages);
  const without = [await writersRate(run, ledger)];
  const spread = await withReader(ledger, openRestPages, (reader) => measurePages(run, ledger, reader));
  const beside = await withReader(ledger, openRestPages, (reader) => readBeside(run, ledger, reader));
  without.push(await writersRate(run, ledger));
  const share = beside.writersRate / ((without[0] + without[1]) / 2);
  return {
    ...measurementOf(busy, null),
    notes: [
      `spread over frames: p50 ${spread.latency.p50Ms.toFixed(1)}, p99 ${spread.latency.p99Ms.toFixed(1)} ms`,
      `beside writers: ${Math.round(beside.pages.commandsPerSecond)} pages/s, p99 ${beside.pages.latency.p99Ms.toFixed(1)} ms; writers at ${share.toFixed(2)} × of without`,
    ],
  };
}

/** The same page of a busy wallet over the binary protocol. */
export async function measureBinaryPages(run: Run): Promise<Measurement> {
  return measurementOf(await measureBusy(run, await run.ledger(1), openBinaryPages), null);
}

type OpenPages = typeof openRestPages;

/** Makes one wallet a side of every transfer until it has its million, and reads its page. */
async function measureBusy(run: Run, ledger: Ledger, open: OpenPages): Promise<Measured> {
  const wallet = ledger.wallets.subarray(0, 16);
  for (let load = 0; load === 0 || (await ledger.totalsOf(wallet)).versions < RECORDS; load += 1) {
    if (load === LOADS_MAX) throw new Error(`the wallet has no ${RECORDS} records after ${load} loads`);
    assertSound(await ledger.audit(await run.load(SHAPES.hundredHot, ledger, ledger.wallets)));
  }
  return withReader(ledger, open, (reader) => measurePages(run, ledger, reader));
}

async function writersRate(run: Run, ledger: Ledger): Promise<number> {
  const outcome = await run.load(SHAPES.hundred, ledger, ledger.wallets);
  assertSound(await ledger.audit(outcome));
  return outcome.commandsPerSecond;
}

async function measurePages({ pace }: Run, ledger: Ledger, reader: PageReader): Promise<Measured> {
  const meter = new Meter();
  await readPages(reader, meter, AbortSignal.timeout(pace.warmupMs));
  const closeWindow = meter.open(ledger.pid);
  await readPages(reader, meter, AbortSignal.timeout(pace.measureMs));
  return closeWindow();
}

async function readBeside(
  run: Run,
  ledger: Ledger,
  reader: PageReader,
): Promise<{ readonly pages: Measured; readonly writersRate: number }> {
  const meter = new Meter();
  const closeWindow = meter.open(ledger.pid);
  const end = new AbortController();
  const reading = readPages(reader, meter, end.signal);
  const rate = await writersRate(run, ledger).finally(() => end.abort());
  await reading;
  return { pages: closeWindow(), writersRate: rate };
}

/** Reads one page after the other; what the reader does with it is not part of its latency. */
async function readPages(reader: PageReader, meter: Meter, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const askedMs = performance.now();
    const page = await reader.page();
    meter.answered(performance.now() - askedMs, 1, 0, "");
    const { transactions } = JSON.parse(page) as { readonly transactions: readonly unknown[] };
    if (transactions.length !== PAGE) throw new Error(`a page of ${transactions.length} records`);
  }
}

async function withReader<T>(ledger: Ledger, open: OpenPages, use: (reader: PageReader) => Promise<T>): Promise<T> {
  const reader = await open(ledger.endpoint, formatUuid(ledger.wallets));
  try {
    return await use(reader);
  } finally {
    reader.close();
  }
}

function assertSound(failure: string | null): void {
  if (failure !== null) throw new Error(failure);
}
