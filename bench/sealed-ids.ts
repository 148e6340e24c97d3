/**
 * `npm run bench:ids -- --ids 100000000`: what a window of many ids costs: sealing while new ids come, looking up old ones,
 * starting again. Takes 26 bytes of disk an id under the temporary directory, and removes them.
 */

import { mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { IdWindow } from "../engine/idempotency/id-window.ts";
import { type SealRequest, sealBucket } from "../engine/idempotency/seal-bucket.ts";
import { SealedIds } from "../engine/idempotency/sealed-ids.ts";
import { UuidV7 } from "../protocol/ids.ts";

const WINDOW_MS = 24 * 3_600_000;
const IDS_MAX = 1 << 24;
const FRAME = 8_190;
const BYTES_PER_ID = 30;
const PROBES = 100_000;
const FIRST_MS = 1_800_000_000_000;

interface Pace {
  readonly ids: number;
  readonly perSecond: number;
}

/** Ids of a steady flow: every id follows from its number. */
class Flow {
  readonly lanes = new Uint32Array(FRAME * 4);
  readonly #bytes = new Uint8Array(this.lanes.buffer);
  readonly #view = new DataView(this.lanes.buffer);
  readonly #perSecond: number;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    new UuidV7().write(this.#bytes, 0, FIRST_MS);
  }

  timeMs(number: number): number {
    return FIRST_MS + Math.floor((number * 1_000) / this.#perSecond);
  }

  /** Writes one id; `salt` tells families of ids of the same times apart. */
  write(index: number, number: number, salt: number): void {
    const at = index * 16;
    const timeMs = this.timeMs(number);
    this.#view.setUint16(at, Math.floor(timeMs / 2 ** 32));
    this.#view.setUint32(at + 2, timeMs % 2 ** 32);
    this.#view.setUint16(at + 6, 0x7000 | (number & 0xfff));
    this.#view.setUint32(at + 8, (0x8000_0000 | ((Math.imul(number, 0x9e3779b1) ^ salt) & 0x3fff_ffff)) >>> 0);
    this.#view.setUint32(at + 12, number);
  }
}

function open(
  directory: string,
  filterBytesMax: number,
  lastSequence: number,
  seal: (request: SealRequest) => void,
): SealedIds {
  const damaged = ({ file }: { readonly file: string }): never => {
    throw new Error(`${file} is damaged`);
  };
  return new SealedIds({ directory, shard: 0, lastSequence, filterBytesMax, diskBytesMax: 0, seal, damaged });
}

interface Taken {
  readonly nsPerId: number;
  readonly slowestMs: number;
  /** The longest beginning of a frame, which is where ids are frozen and copied. */
  readonly advanceMs: number;
  /** How long memory was full, because the ids came faster than they could be sealed. */
  readonly waitingMs: number;
}

/** Takes ids as a shard does. */
function take(ids: IdWindow, flow: Flow, { ids: count }: Pace, first: number): Taken {
  let busyMs = 0;
  let slowestMs = 0;
  let advanceMs = 0;
  let waitingMs = 0;
  for (let number = first; number < first + count; number += FRAME) {
    const size = Math.min(FRAME, first + count - number);
    for (let index = 0; index < size; index += 1) flow.write(index, number + index, 0);
    const startedMs = performance.now();
    ids.advance(flow.timeMs(number));
    let waitedMs = 0;
    while (ids.isFull()) {
      waitedMs += waitMs(1);
      ids.advance(flow.timeMs(number));
    }
    const filledMs = performance.now();
    for (let index = 0; index < size; index += 1) {
      if (ids.find(flow.lanes, index * 4) !== 0) throw new Error("a new id was found");
      ids.remember(flow.lanes, index * 4, number + index + 1);
    }
    const frameMs = performance.now() - startedMs;
    busyMs += frameMs - waitedMs;
    waitingMs += waitedMs;
    advanceMs = Math.max(advanceMs, filledMs - startedMs - waitedMs);
    slowestMs = Math.max(slowestMs, frameMs - waitedMs);
  }
  return { nsPerId: (busyMs * 1e6) / count, slowestMs, advanceMs, waitingMs };
}

/** Waits, and returns for how long: a wait of a millisecond takes a little longer, and there may be hundreds of them. */
function waitMs(ms: number): number {
  const startedMs = performance.now();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  return performance.now() - startedMs;
}

function probe(
  name: string,
  ids: IdWindow,
  flow: Flow,
  count: number,
  salt: number,
  number: (index: number) => number,
): void {
  let found = 0;
  const startedMs = performance.now();
  for (let index = 0; index < count; index += 1) {
    flow.write(0, number(index), salt);
    if (ids.find(flow.lanes, 0) !== 0) found += 1;
  }
  const microseconds = ((performance.now() - startedMs) * 1_000) / count;
  console.log(`look-up, ${name}: ${microseconds.toFixed(2)} µs, ${found} of ${count} found`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { ids: { type: "string", default: "20000000" }, rate: { type: "string", default: "12500" } },
  });
  const pace: Pace = { ids: Number(values.ids), perSecond: Number(values.rate) };
  const { bavail, bsize } = statfsSync(tmpdir());
  if (bavail * bsize < 1.5 * pace.ids * BYTES_PER_ID) throw new Error(`${tmpdir()} has too little room`);
  const directory = mkdtempSync(join(tmpdir(), "mizan-bench-ids-"));
  const keeper = new Worker(new URL(import.meta.url));
  try {
    const flow = new Flow(pace.perSecond);
    const inMemory = take(new IdWindow(WINDOW_MS, IDS_MAX), flow, { ...pace, ids: Math.min(pace.ids, 10_000_000) }, 0);
    console.log(
      `in memory only: ${inMemory.nsPerId.toFixed(0)} ns an id, slowest frame of ${FRAME} ${inMemory.slowestMs.toFixed(1)} ms`,
    );
    const sealed = open(directory, Number.MAX_SAFE_INTEGER, 0, (request) =>
      keeper.postMessage(request, [request.rows.buffer as ArrayBuffer]),
    );
    const ids = new IdWindow(WINDOW_MS, IDS_MAX, sealed);
    const startedMs = performance.now();
    const { nsPerId, slowestMs, advanceMs, waitingMs } = take(ids, flow, pace, 0);
    const seconds = (performance.now() - startedMs) / 1_000;
    console.log(
      `sealing: ${nsPerId.toFixed(0)} ns an id, slowest frame ${slowestMs.toFixed(1)} ms, slowest beginning of one ${advanceMs.toFixed(1)} ms; ${pace.ids} ids in ${seconds.toFixed(0)} s, of which ${(waitingMs / 1_000).toFixed(0)} s memory was full`,
    );
    console.log(
      `${sealed.bucketCount} buckets, ${(sealed.fileBytes / 1e6).toFixed(0)} MB of files, ${(sealed.filterBytes / 1e6).toFixed(0)} MB of filters, ${ids.size} ids in memory`,
    );
    const settled = Math.max(1, pace.ids - 3 * IDS_MAX);
    const spread = (index: number): number => Math.floor((index * 7_919_317) % settled);
    probe("new", ids, flow, PROBES, 0, (index) => pace.ids + index);
    probe("sealed", ids, flow, PROBES, 0, spread);
    probe("as old, never seen, with filters", ids, flow, PROBES, 0x55aa, spread);
    await keeperIdle(keeper);
    restart("with all filters", directory, Number.MAX_SAFE_INTEGER, pace, flow, spread);
    restart("with 64 MiB of filters", directory, 64 << 20, pace, flow, spread);
  } finally {
    await keeper.terminate();
    rmSync(directory, { recursive: true, force: true });
  }
}

function restart(
  name: string,
  directory: string,
  filterBytes: number,
  pace: Pace,
  flow: Flow,
  spread: (index: number) => number,
): void {
  const startedMs = performance.now();
  const sealed = open(directory, filterBytes, pace.ids, () => {});
  const ids = new IdWindow(WINDOW_MS, IDS_MAX, sealed);
  console.log(
    `start ${name}: ${(performance.now() - startedMs).toFixed(0)} ms, ${sealed.bucketCount} buckets, ${(sealed.filterBytes / 1e6).toFixed(0)} MB of filters`,
  );
  ids.replay(flow.timeMs(pace.ids));
  probe(`sealed, ${name}`, ids, flow, PROBES, 0, spread);
  probe(`as old, never seen, ${name}`, ids, flow, PROBES, 0x55aa, spread);
}

function keeperIdle(keeper: Worker): Promise<void> {
  return new Promise((resolve) => {
    keeper.once("message", () => resolve());
    keeper.postMessage(null);
  });
}

if (isMainThread) await main();
else if (workerData === null || workerData === undefined) {
  parentPort?.on("message", (request: SealRequest | null) => {
    if (request === null) parentPort?.postMessage(null);
    else sealBucket(request);
  });
}
