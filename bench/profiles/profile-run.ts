import type { ChildProcess } from "node:child_process";
import { cpus, freemem, loadavg, release, totalmem, type } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { ChildGroup } from "../child-group.ts";
import type { ConnectionsResult } from "../load/connections-result.ts";
import { originOf } from "../load/endpoint-socket.ts";
import { ErrorCounts } from "../load/error-counts.ts";
import type { FollowQuestion, FollowReply, FollowReport } from "../load/follow-job.ts";
import { Latencies } from "../load/latencies.ts";
import { epochMs } from "../load/meter.ts";
import { ProcessTalk } from "../load/process-talk.ts";
import type { GeneratorOutcome, GeneratorQuestion, GeneratorReply } from "../load/profile-job.ts";
import { type Interval, type LoadResult, RESULT_FORMAT } from "../load/result.ts";
import { WalletBooks } from "../load/wallet-books.ts";
import { describeMachine } from "../machine.ts";
import { checkBooks } from "./books.ts";
import { ConnectionsCourse } from "./connections-course.ts";
import { IntervalSeries } from "./interval-series.ts";
import type { Holdings, LoadTarget } from "./load-target.ts";
import type { Profile } from "./profile.ts";
import { judge } from "./thresholds.ts";

/** Wallets that a witness follows. */
const WITNESSED_MAX = 100;
const READY_MS_MAX = 120_000;
/** After the schedule: drain, asking again for what was not answered, and some slack. */
const TAIL_MS_MAX = 120_000;
/** Between the word to start and the first message. */
const HEAD_START_MS = 300;
const STREAM_MS_MAX = 30_000;
const POLL_MS = 50;
/** From this much of a core on, the generator is the bottleneck. */
const CORES_MAX = 0.9;
/** It is, too, where messages leave later than this, and that makes up so much of the latency; both at the 99th percentile. */
const SEND_LAG_MS_MAX = 1;
const SEND_LAG_SHARE_MAX = 0.2;
/** Tasks that want a core, for each core there is, from which on what is measured is theirs too. */
const LOAD_AVERAGE_SHARE_MAX = 0.5;

export interface ProfileRunOptions {
  readonly group: ChildGroup;
  readonly profile: Profile;
  readonly target: LoadTarget;
  readonly seed: number;
  readonly onInterval: (interval: Interval) => void;
}

type Generator = ProcessTalk<GeneratorQuestion, GeneratorReply>;
type Followers = ProcessTalk<FollowQuestion, FollowReply>;

/** One run of a profile against a ledger: drives it, watches it, and holds its books against its answers. */
export class ProfileRun {
  readonly #options: ProfileRunOptions;
  readonly #series: IntervalSeries;
  readonly #children: ChildProcess[] = [];
  #generators: readonly Generator[] = [];
  #course: ConnectionsCourse | undefined;
  #isStopped = false;

  constructor(options: ProfileRunOptions) {
    this.#options = options;
    this.#series = new IntervalSeries(options.profile, options.target.endpoint, options.onInterval);
  }

  /** Ends the load early; what was seen until then is still judged. */
  stop(): void {
    this.#isStopped = true;
    this.#course?.stop();
    for (const generator of this.#generators) generator.tell("stop");
  }

  async run(): Promise<LoadResult> {
    try {
      return await this.#run();
    } finally {
      await Promise.all(this.#children.map((child) => this.#options.group.end(child)));
    }
  }

  async #run(): Promise<LoadResult> {
    const { profile, target } = this.#options;
    const loadAverage = loadavg()[0];
    const course = await ConnectionsCourse.begin(profile, target, (module) => this.#fork(module));
    this.#course = course;
    const before = await target.holdings();
    const followers = await this.#startFollowers();
    this.#generators = await this.#startGenerators();
    await this.#series.begin();
    const startAtMs = epochMs() + HEAD_START_MS;
    for (const generator of this.#generators) generator.tell({ startAtMs });
    if (this.#isStopped) this.stop();
    const durationMs = profile.stages.reduce((sum, { durationSeconds }) => sum + durationSeconds * 1_000, 0);
    const coursing = course?.run(startAtMs);
    // It fails with the run, not before it.
    coursing?.catch(() => {});
    const outcomes = await Promise.all(
      this.#generators.map((generator) =>
        generator.next((reply) => ("outcome" in reply ? reply.outcome : undefined), durationMs + TAIL_MS_MAX),
      ),
    );
    const endedAtMs = epochMs();
    await coursing;
    const intervals = await this.#series.end();
    followers.tell("stop dashboards");
    const after = await target.holdings();
    const streams = await caughtUp(followers, after);
    const books = new WalletBooks(target.shards.length);
    for (const outcome of outcomes) books.add(outcome.books);
    const checks = checkBooks({
      before,
      after,
      books,
      streams,
      inDoubt: sumOf(outcomes, ({ inDoubt }) => inDoubt),
      hasRejections: outcomes.some(({ hasFailures }) => hasFailures),
      sums: await target.sums(),
    });
    const answers = outcomes.map((outcome) => outcome.answers).filter((found) => found !== null);
    const crowd = await course?.end(after, answers, endedAtMs);
    if (crowd !== undefined) checks.push(crowd.check);
    const startedAt = new Date(startAtMs).toISOString();
    return this.#result(outcomes, intervals, streams, checks, startedAt, loadAverage, crowd?.result);
  }

  #fork(module: URL): ChildProcess {
    const child = this.#options.group.fork(module);
    this.#children.push(child);
    return child;
  }

  async #startFollowers(): Promise<Followers> {
    const { profile, target, seed } = this.#options;
    const child = this.#fork(new URL("../load/followers.ts", import.meta.url));
    const followers: Followers = new ProcessTalk(child, () => false);
    const { endpoint, wallets } = target;
    const witnessed = Math.min(WITNESSED_MAX, profile.wallets.count);
    followers.tell({ job: { endpoint, wallets, witnessed, dashboards: profile.dashboards, seed } });
    await followers.next((reply) => ("ready" in reply ? true : undefined), READY_MS_MAX);
    return followers;
  }

  async #startGenerators(): Promise<Generator[]> {
    const { profile, target, seed } = this.#options;
    const { endpoint, wallets, shards } = target;
    const { intervalMs } = this.#series;
    const generators = Array.from({ length: profile.generators }, (_, generator) => {
      const child = this.#fork(new URL("../load/profile-generator.ts", import.meta.url));
      const talk: Generator = new ProcessTalk(child, (reply) => {
        if (!("interval" in reply)) return false;
        this.#series.add(generator, reply.interval);
        return true;
      });
      talk.tell({ job: { endpoint, profile, wallets, shards, generator, intervalMs, seed } });
      return talk;
    });
    const ready = (reply: GeneratorReply): true | undefined => ("ready" in reply ? true : undefined);
    await Promise.all(generators.map((generator) => generator.next(ready, READY_MS_MAX)));
    return generators;
  }

  #result(
    outcomes: readonly GeneratorOutcome[],
    intervals: Interval[],
    streams: FollowReport,
    checks: LoadResult["books"]["checks"],
    startedAt: string,
    loadAverage: number,
    connections: ConnectionsResult | undefined,
  ): LoadResult {
    const { profile, target } = this.#options;
    const { commit, node, cpu } = describeMachine();
    const latencies = new Latencies();
    for (const { kinds } of outcomes) for (const kind of kinds) latencies.add(kind.latencies);
    const sendLags = new Latencies();
    for (const outcome of outcomes) sendLags.add(outcome.sendLags);
    const seconds = intervals.filter(({ measured }) => measured).reduce((sum, interval) => sum + interval.seconds, 0);
    const commands = commandsOf(outcomes);
    const accepted = commands.reduce((sum, kind) => sum + kind.accepted, 0);
    const scheduled = sumOf(outcomes, (outcome) => outcome.scheduled);
    const rejected = sumOf(outcomes, (outcome) => outcome.rejected);
    const unanswered = sumOf(outcomes, (outcome) => outcome.unanswered);
    const latency = latencies.percentiles();
    const thresholds = judge(profile.thresholds, { latency, scheduled, accepted, failed: rejected + unanswered });
    const agree = checks.every(({ agrees }) => agrees);
    const sendLagP99Ms = sendLags.count === 0 ? null : sendLags.atMs(99);
    const coresMax = this.#series.busiestCores;
    const lagMsMax = Math.max(SEND_LAG_MS_MAX, SEND_LAG_SHARE_MAX * (latency?.p99Ms ?? 0));
    const isBottleneck = (sendLagP99Ms ?? 0) > lagMsMax || coresMax >= CORES_MAX;
    const missed = [...thresholds, ...(connections?.thresholds ?? [])].some(({ passed }) => !passed);
    return {
      format: RESULT_FORMAT,
      verdict: !agree ? "books_disagree" : missed ? "thresholds_missed" : "passed",
      startedAt,
      profile,
      environment: {
        commit,
        node,
        cpu,
        memoryBytes: totalmem(),
        loadAverage,
        url: originOf(target.endpoint),
        isOwnLedger: target.isOwn,
        shards: target.shardCount,
        system: `${type()} ${release()} ${process.arch}`,
        server: this.#series.server,
        settings: {},
      },
      totals: {
        seconds,
        scheduled,
        accepted,
        rejected,
        unanswered,
        scheduledPerSecond: seconds === 0 ? 0 : scheduled / seconds,
        acceptedPerSecond: seconds === 0 ? 0 : accepted / seconds,
      },
      latency,
      curve: latencies.curve(),
      histogram: latencies.encode(),
      commands,
      errors: errorsOf(outcomes),
      intervals,
      generator: { processes: profile.generators, coresMax, sendLagP99Ms, isBottleneck },
      streams: {
        witnesses: streams.version.length,
        dashboardsSeen: streams.dashboardsSeen,
        deltas: streams.deltas,
        conflated: streams.conflated,
      },
      connections,
      books: { agree, checks },
      thresholds,
      suite: [],
      warnings: this.#warnings(outcomes, streams, intervals, isBottleneck, loadAverage),
    };
  }

  #warnings(
    outcomes: readonly GeneratorOutcome[],
    streams: FollowReport,
    intervals: readonly Interval[],
    isBottleneck: boolean,
    loadAverage: number,
  ): string[] {
    const { profile, target } = this.#options;
    const lost = sumOf(outcomes, ({ connectionsLost }) => connectionsLost);
    const askedAgain = sumOf(outcomes, ({ askedAgain: asked }) => asked);
    const firstLoss = outcomes.find(({ firstLoss: reason }) => reason !== "")?.firstLoss;
    const crosses = (profile.wallets.crossShardShare ?? 0) > 0;
    const found: [boolean, string][] = [
      [this.#isStopped, "stopped early"],
      [isBottleneck, "the generator is the bottleneck: the figures tell more about it than about the server"],
      [lost > 0, `${lost} connections were lost or could not be opened: ${firstLoss}`],
      [askedAgain > 0, `${askedAgain} commands had no clear answer and were asked for again after the load`],
      [streams.lost > 0, `${streams.lost} connections of followers were lost: ${streams.firstLoss}`],
      [crosses && target.shardCount === 1, "the wallets lie on one shard: no transfer crosses shards"],
      [intervals.every(({ server }) => server === null), "the server shows no metrics"],
      [
        loadAverage > cpus().length * LOAD_AVERAGE_SHARE_MAX,
        `other programs kept the machine busy before the run: load average ${loadAverage.toFixed(1)}`,
      ],
      [freemem() < totalmem() / 50, "the machine has little memory left"],
    ];
    return found.filter(([isTrue]) => isTrue).map(([, text]) => text);
  }
}

/** Waits until the witness has seen what the wallets hold, as long as that may take. */
async function caughtUp(followers: Followers, after: Holdings): Promise<FollowReport> {
  for (const giveUpAtMs = performance.now() + STREAM_MS_MAX; ; await sleep(POLL_MS)) {
    const report = followers.next((reply) => ("report" in reply ? reply.report : undefined), STREAM_MS_MAX);
    followers.tell("report");
    const streams = await report;
    const isBehind = streams.version.some((version, wallet) => version < after.version[wallet]);
    if (!isBehind || performance.now() > giveUpAtMs) return streams;
  }
}

function sumOf(outcomes: readonly GeneratorOutcome[], read: (outcome: GeneratorOutcome) => number): number {
  return outcomes.reduce((sum, outcome) => sum + read(outcome), 0);
}

function commandsOf(outcomes: readonly GeneratorOutcome[]): LoadResult["commands"] {
  const byName = new Map<string, { transport: string; kind: string; accepted: number; latencies: Latencies }>();
  for (const { transport, kind, accepted, latencies } of outcomes.flatMap(({ kinds }) => kinds)) {
    const name = `${transport} ${kind}`;
    const found = byName.get(name) ?? { transport, kind, accepted: 0, latencies: new Latencies() };
    found.accepted += accepted;
    found.latencies.add(latencies);
    byName.set(name, found);
  }
  return [...byName.values()].map(({ latencies, ...kind }) => ({
    ...(kind as Pick<LoadResult["commands"][number], "transport" | "kind" | "accepted">),
    latency: latencies.percentiles(),
  }));
}

function errorsOf(outcomes: readonly GeneratorOutcome[]): LoadResult["errors"] {
  const counts = new ErrorCounts();
  for (const { errors } of outcomes) counts.addAll(errors);
  return counts.counts();
}
