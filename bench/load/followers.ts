/** The followers' process: a witness that stays for the whole load, and dashboards that come and go. */

import { setTimeout as sleep } from "node:timers/promises";
import type { FollowJob, FollowQuestion, FollowReply, FollowReport } from "./follow-job.ts";
import { type FollowCounts, Follower, walletKey } from "./follower.ts";
import { SeededRandom } from "./seeded-random.ts";

/** Dashboards opened at once, so that the server's backlog is not the test. */
const OPENING_MAX = 20;
const REOPEN_MS = 500;
const STATES_MS_MAX = 30_000;
const POLL_MS = 5;

const counts: FollowCounts = { deltas: 0, conflated: 0, outOfOrder: 0 };
let dashboardsSeen = 0;
let dashboardsOpen = 0;
let lost = 0;
let firstLoss = "";
let isOver = false;

function reply(message: FollowReply): void {
  process.send?.(message);
}

function noteLoss(error: Error): void {
  lost += 1;
  if (firstLoss === "") firstLoss = error.message;
}

function walletAt(job: FollowJob, wallet: number): Uint8Array {
  return job.wallets.subarray(wallet * 16, wallet * 16 + 16);
}

async function openWitness(job: FollowJob): Promise<Follower> {
  const wallets = Array.from({ length: job.witnessed }, (_, wallet) => walletAt(job, wallet));
  const witness = await Follower.open(job.endpoint, wallets, counts, (error) => {
    noteLoss(error);
    void replaceWitness(job);
  });
  const giveUpAtMs = performance.now() + STATES_MS_MAX;
  while (witness.seen.size < job.witnessed) {
    if (performance.now() > giveUpAtMs) throw new Error("the witness was not told all states");
    await sleep(POLL_MS);
  }
  return witness;
}

/** Goes on from the states that a new connection is told, however often it takes to get one. */
async function replaceWitness(job: FollowJob): Promise<void> {
  for (;;) {
    try {
      current = { job, witness: await openWitness(job) };
      return;
    } catch {
      await sleep(REOPEN_MS);
    }
  }
}

/** One place of a dashboard: someone comes, stays for a while, and goes for the next one. */
async function keepDashboards(job: FollowJob, place: number): Promise<void> {
  const { dashboards } = job;
  if (dashboards === undefined) return;
  const random = new SeededRandom(job.seed + place);
  const walletCount = job.wallets.byteLength / 16;
  while (!isOver) {
    const wallets = new Set<number>();
    while (wallets.size < Math.min(dashboards.walletsEach, walletCount)) wallets.add(random.below(walletCount));
    try {
      await visit(
        job,
        [...wallets].map((wallet) => walletAt(job, wallet)),
        -Math.log(1 - random.next()) * dashboards.staySeconds * 1_000,
      );
    } catch (error) {
      if (!isOver) noteLoss(error as Error);
      await sleep(REOPEN_MS);
    }
  }
}

async function visit(job: FollowJob, wallets: readonly Uint8Array[], stayMs: number): Promise<void> {
  let lose: (error: Error) => void = () => {};
  const losing = new Promise<never>((_, reject) => {
    lose = reject;
  });
  losing.catch(() => {});
  const dashboard = await Follower.open(job.endpoint, wallets, counts, lose);
  dashboardsSeen += 1;
  dashboardsOpen += 1;
  try {
    await Promise.race([losing, sleep(stayMs)]);
  } finally {
    dashboardsOpen -= 1;
    dashboard.close();
  }
}

function reportOf(job: FollowJob, witness: Follower): FollowReport {
  const postedMinor = new Float64Array(job.witnessed);
  const availableMinor = new Float64Array(job.witnessed);
  const version = new Float64Array(job.witnessed);
  for (let wallet = 0; wallet < job.witnessed; wallet += 1) {
    const seen = witness.seen.get(walletKey(walletAt(job, wallet)));
    if (seen === undefined) continue;
    postedMinor[wallet] = seen.postedMinor;
    availableMinor[wallet] = seen.availableMinor;
    version[wallet] = seen.version;
  }
  return { postedMinor, availableMinor, version, dashboardsSeen, dashboardsOpen, ...counts, lost, firstLoss };
}

let current: { readonly job: FollowJob; readonly witness: Follower } | undefined;

async function answer(question: FollowQuestion): Promise<void> {
  if (question === "stop dashboards") {
    isOver = true;
    return;
  }
  if (question === "report") {
    if (current !== undefined) reply({ report: reportOf(current.job, current.witness) });
    return;
  }
  const { job } = question;
  current = { job, witness: await openWitness(job) };
  const places = job.dashboards?.connections ?? 0;
  for (let first = 0; first < places; first += OPENING_MAX) {
    for (let place = first; place < Math.min(places, first + OPENING_MAX); place += 1) void keepDashboards(job, place);
    await sleep(POLL_MS);
  }
  reply({ ready: true });
}

// A signal from the keyboard reaches every process; the runner alone decides what it means.
process.on("SIGINT", () => {});
process.once("disconnect", () => process.exit(0));
process.on("message", (question: FollowQuestion) => {
  answer(question).catch((error: Error) => reply({ error: error.message }));
});
