/**
 * `npm run bench:metrics -- --rounds 8`: what it costs that requests are timed and the metrics are read. Two ledgers, one with
 * `MIZAN_STAGE_TIMES=on` that is scraped once a second and one with `off` that is not, take the same load in turns.
 * `--traced 0.01` compares a ledger that traces this share of the commands with one that traces none.
 */

import { once } from "node:events";
import { rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { parseArgs } from "node:util";
import { compare, median, verdictOf } from "./comparison.ts";
import { Ledger } from "./ledger.ts";
import { measurementOf, Run, scratchDirectory } from "./run.ts";
import { formatTable } from "./table.ts";
import type { Shape } from "./workloads.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "8" },
    seconds: { type: "string", default: "3" },
    traced: { type: "string" },
  },
});
const WARMUP_MS = 500;
const SCRAPE_EVERY_MS = 1_000;
const CLOSED = { pairing: "uniform", transport: "binary", messagesPerSecond: null } as const;
const SHAPES: Readonly<Record<string, Shape>> = {
  "1 a message": { ...CLOSED, connections: 16, depth: 64, commandsPerMessage: 1 },
  "100 a message": { ...CLOSED, connections: 8, depth: 4, commandsPerMessage: 100 },
};

/** Asks for the metrics once a second until it is stopped. */
function scrape({ endpoint: { host, port, key } }: Ledger): () => void {
  const timer = setInterval(() => {
    const headers = { Authorization: `Bearer ${key}`, Accept: "application/openmetrics-text" };
    void fetch(`http://${host}:${port}/metrics`, { headers }).then((response) => response.text());
  }, SCRAPE_EVERY_MS);
  return () => clearInterval(timer);
}

function cellsOf(
  name: string,
  { on, off }: Readonly<Record<"on" | "off", readonly number[]>>,
  isMoreBetter: boolean,
  format: (value: number) => string,
): string[] {
  const comparison = compare({ here: on, there: off });
  const interval = comparison.interval?.map((ratio) => ratio.toFixed(3)).join(" – ") ?? "too few rounds";
  const verdict = verdictOf(comparison, isMoreBetter);
  return [name, format(median(on)), format(median(off)), comparison.ratio.toFixed(3), interval, verdict];
}

/** A collector that takes everything and keeps nothing. */
async function openCollector(): Promise<Server> {
  const server = createServer((request, response) => {
    request.resume().on("end", () => response.end("{}"));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

const { traced } = values;
const collector = traced === undefined ? undefined : await openCollector();
const collectorUrl = `http://127.0.0.1:${(collector?.address() as AddressInfo | undefined)?.port}`;
const settings: Readonly<Record<"on" | "off", Readonly<Record<string, string>>>> =
  traced === undefined
    ? { on: { MIZAN_STAGE_TIMES: "on" }, off: { MIZAN_STAGE_TIMES: "off" } }
    : { on: { MIZAN_OTLP_ENDPOINT: collectorUrl, MIZAN_TRACE_SAMPLE_RATIO: traced }, off: {} };
const directory = scratchDirectory();
const run = new Run({ warmupMs: WARMUP_MS, measureMs: Number(values.seconds) * 1_000 }, undefined);
try {
  const start = (turn: "on" | "off"): Promise<Ledger> =>
    Ledger.start(run.group, {
      shards: 1,
      directory,
      profileDir: undefined,
      settings: { ...settings[turn], MIZAN_SNAPSHOT_JOURNAL_BYTES: "0", MIZAN_SNAPSHOT_INTERVAL_MS: "0" },
    });
  const ledgers = { on: await start("on"), off: await start("off") };
  const rows: string[][] = [];
  for (const [name, shape] of Object.entries(SHAPES)) {
    const rates: Record<"on" | "off", number[]> = { on: [], off: [] };
    const cpuMicros: Record<"on" | "off", number[]> = { on: [], off: [] };
    for (let round = 0; round < Number(values.rounds); round += 1) {
      const turns = round % 2 === 0 ? (["on", "off"] as const) : (["off", "on"] as const);
      for (const turn of turns) {
        const stop = turn === "on" && traced === undefined ? scrape(ledgers.on) : () => {};
        const outcome = await run.load(shape, ledgers[turn], ledgers[turn].wallets);
        stop();
        const { failure, rate, serverCpu } = measurementOf(outcome, await ledgers[turn].audit(outcome));
        if (failure !== null) throw new Error(failure);
        rates[turn].push(rate);
        if (serverCpu !== null) cpuMicros[turn].push((1e6 * (serverCpu.mainCores + serverCpu.otherCores)) / rate);
      }
    }
    rows.push(cellsOf(`${name}, transfers/s`, rates, true, (value) => Math.round(value).toLocaleString("en-US")));
    rows.push(cellsOf(`${name}, processor µs a transfer`, cpuMicros, false, (value) => value.toFixed(3)));
  }
  const headings = [
    "commands",
    traced === undefined ? "metrics on" : `${traced} traced`,
    "off",
    "ratio",
    "95 % of the noise",
    "verdict",
  ];
  console.log(formatTable(headings, rows, new Set([1, 2, 3, 4])));
} finally {
  await run.end();
  collector?.closeAllConnections();
  collector?.close();
  rmSync(directory, { recursive: true, force: true });
}
