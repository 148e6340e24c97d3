import type { ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import type { Answers } from "../load/answer-log.ts";
import type { ConnectionsResult } from "../load/connections-result.ts";
import {
  activeDashboards,
  type CrowdCounts,
  type CrowdJob,
  type CrowdQuestion,
  type CrowdReply,
  type CrowdSeen,
  crowdWallet,
} from "../load/crowd-job.ts";
import { assertRoom } from "../load/crowd-room.ts";
import { epochMs } from "../load/meter.ts";
import { ProcessTalk } from "../load/process-talk.ts";
import type { BooksCheck } from "../load/result.ts";
import { commandWindows } from "./command-windows.ts";
import { judgeCrowd } from "./crowd-thresholds.ts";
import { listenOverflows } from "./listen-queue.ts";
import type { Holdings, LoadTarget, Restart } from "./load-target.ts";
import { LoadUsageError, type Profile } from "./profile.ts";
import { scrape } from "./server-metrics.ts";

const CROWD = new URL("../load/crowd.ts", import.meta.url);
/** How long everybody may take to connect, to follow, or to come back. */
const CROWD_MS_MAX = 120_000;
const POLL_MS = 50;
const SCRAPE_PAUSE_MS = 500;
const CLOSED_TOTALS = ["mizan_slow_consumers_closed_total", "mizan_silent_peers_closed_total"];
/** Before memory is looked at, what the work left behind is collected. */
const SETTLE_MS = 2_000;
/** Connections of the run beside the crowd. */
const CONNECTIONS_BESIDE = 200;

type Talk = ProcessTalk<CrowdQuestion, CrowdReply>;
type Memory = ConnectionsResult["memory"][number];
type Work = ConnectionsResult["connecting"];

/** What is known of a restart once everybody is back. */
interface Storm {
  readonly restart: Restart;
  readonly backAtMs: number;
  readonly result: NonNullable<ConnectionsResult["storm"]>;
}

/** The course of a crowd of dashboards through a run: they come, the ledger is restarted under them, strangers join. */
export class ConnectionsCourse {
  readonly #profile: Profile;
  readonly #target: LoadTarget;
  readonly #job: CrowdJob;
  readonly #crowd: Talk;
  readonly #memory: Memory[] = [];
  #connecting: Work = { seconds: 0, cpuSecondsPer1000: null };
  #following: Work = { seconds: 0, cpuSecondsPer1000: null };
  #startAtMs = 0;
  #hostileAtMs = Number.POSITIVE_INFINITY;
  #storm: Storm | null = null;
  #isOver = false;

  private constructor(profile: Profile, target: LoadTarget, job: CrowdJob, crowd: Talk) {
    this.#profile = profile;
    this.#target = target;
    this.#job = job;
    this.#crowd = crowd;
  }

  /**
   * Lets the crowd in; resolves when everybody follows. Undefined where the profile has none.
   *
   * **Errors**: `LoadUsageError` where a restart is asked of a ledger that is not the run's own, or so many do not fit.
   */
  static async begin(
    profile: Profile,
    target: LoadTarget,
    fork: (module: URL) => ChildProcess,
  ): Promise<ConnectionsCourse | undefined> {
    const { connections: crowd } = profile;
    if (crowd === undefined) return undefined;
    if (crowd.restart !== undefined && !target.isOwn) {
      throw new LoadUsageError(
        "connections.restart needs a ledger that the command starts itself: not with MIZAN_LOAD_URL",
      );
    }
    const strangers = (crowd.hostile?.slow ?? 0) + (crowd.hostile?.silent ?? 0);
    assertRoom(crowd.dashboards + strangers + CONNECTIONS_BESIDE, target.endpoint.host);
    const wallets = Buffer.concat([target.wallets, await target.openMore(crowd.quietWallets)]);
    const job = { endpoint: target.endpoint, crowd, wallets, movedWallets: target.shards.length };
    const talk: Talk = new ProcessTalk(fork(CROWD), () => false);
    talk.tell({ job });
    const course = new ConnectionsCourse(profile, target, job, talk);
    await course.#letIn();
    return course;
  }

  /** Goes through what the profile has planned, on time. */
  async run(startAtMs: number): Promise<void> {
    this.#startAtMs = startAtMs;
    const { restart, hostile } = this.#job.crowd;
    if (restart !== undefined) {
      await this.#until(startAtMs + restart.atSeconds * 1_000);
      if (!this.#isOver) await this.#restart();
    }
    if (hostile !== undefined) {
      await this.#until(startAtMs + hostile.atSeconds * 1_000);
      if (!this.#isOver) {
        this.#hostileAtMs = epochMs();
        await this.#do("strangers");
        await this.#untilClosed(hostile.slow + hostile.silent);
        await this.#do("read on");
      }
    }
  }

  /** Nothing is begun any more. */
  stop(): void {
    this.#isOver = true;
  }

  /** Holds what everybody saw against what the wallets hold. */
  async end(
    after: Holdings,
    answers: readonly Answers[],
    endedAtMs: number,
  ): Promise<{ readonly check: BooksCheck; readonly result: ConnectionsResult }> {
    this.#isOver = true;
    const quiet = await this.#target.holdingsOf(this.#job.wallets.subarray(this.#job.movedWallets * 16));
    const behind = await this.#untilCaughtUp(after, quiet);
    await this.#weigh("at the end");
    const counts = await this.#endStrangers();
    return { check: checkOf(counts, behind, this.#job), result: this.#resultOf(counts, behind, answers, endedAtMs) };
  }

  async #letIn(): Promise<void> {
    const { dashboards } = this.#job.crowd;
    await this.#weigh("without");
    this.#connecting = await this.#work(dashboards, () => this.#do("connect"));
    await this.#weigh("connected");
    this.#following = await this.#work(dashboards, async () => {
      await this.#do("follow");
      await this.#untilComplete(0, 0);
    });
    await this.#weigh("following");
  }

  async #restart(): Promise<void> {
    const before = await this.#counts();
    const overflowsBefore = listenOverflows();
    const restart = await this.#target.restart();
    const { dashboards } = this.#job.crowd;
    const counts = await this.#untilComplete(restart.stoppedAtMs, before.lost + dashboards);
    const backAtMs = Math.max(counts.completeSinceMs, restart.readyAtMs);
    const cpuSeconds = (await scrape(this.#target.endpoint))?.sums.get("process_cpu_seconds_total");
    const overflows = listenOverflows();
    const { stoppingAtMs, stoppedAtMs, readyAtMs } = restart;
    const result = {
      downSeconds: (readyAtMs - stoppingAtMs) / 1_000,
      stopSeconds: (stoppedAtMs - stoppingAtMs) / 1_000,
      backSeconds: (backAtMs - readyAtMs) / 1_000,
      attempts: counts.attempts - before.attempts,
      cpuSecondsPer1000: cpuSeconds === undefined ? null : (cpuSeconds * 1_000) / dashboards,
      listenOverflows: overflows === null || overflowsBefore === null ? null : overflows - overflowsBefore,
    };
    this.#storm = { restart, backAtMs, result };
    await this.#weigh("after restart");
  }

  /** Waits until the ledger has closed the strangers; slow ones will not see it before they read. */
  async #untilClosed(strangers: number): Promise<void> {
    for (const giveUpAtMs = epochMs() + CROWD_MS_MAX / 2; !this.#isOver && epochMs() < giveUpAtMs; ) {
      const sums = (await scrape(this.#target.endpoint))?.sums;
      const closed = CLOSED_TOTALS.reduce((sum, name) => sum + (sums?.get(name) ?? 0), 0);
      if (closed >= strangers) return;
      await sleep(SCRAPE_PAUSE_MS);
    }
  }

  /** The slow ones were to be ended by now, and the silent ones soon. */
  async #endStrangers(): Promise<CrowdCounts> {
    if (this.#hostileAtMs < Number.POSITIVE_INFINITY) await this.#do("read on");
    const giveUpAtMs = epochMs() + CROWD_MS_MAX / 4;
    for (;;) {
      const counts = await this.#counts();
      if ((counts.slowOpen === 0 && counts.silentOpen === 0) || epochMs() > giveUpAtMs) return counts;
      await sleep(POLL_MS);
    }
  }

  /** Subscriptions that have not seen what their wallets hold, once all have or were given time to. */
  async #untilCaughtUp(moved: Holdings, quiet: Holdings): Promise<number> {
    const giveUpAtMs = epochMs() + CROWD_MS_MAX / 4;
    for (;;) {
      const seen = await this.#ask("seen", (reply) => ("seen" in reply ? reply.seen : undefined));
      const behind = behindOf(this.#job, seen, moved, quiet);
      if (behind === 0 || epochMs() > giveUpAtMs) return behind;
      await sleep(POLL_MS);
    }
  }

  /** Everybody follows everything, again after so many connections in all were lost. */
  async #untilComplete(sinceMs: number, lost: number): Promise<CrowdCounts> {
    for (const giveUpAtMs = epochMs() + CROWD_MS_MAX; ; await sleep(POLL_MS)) {
      const counts = await this.#counts();
      if (counts.incomplete === 0 && counts.lost >= lost && counts.completeSinceMs >= sinceMs) return counts;
      if (epochMs() > giveUpAtMs)
        throw new Error(`${counts.incomplete} dashboards did not come: ${JSON.stringify(counts.losses)}`);
    }
  }

  async #until(atMs: number): Promise<void> {
    while (!this.#isOver && epochMs() < atMs) await sleep(Math.min(POLL_MS, Math.max(1, atMs - epochMs())));
  }

  async #work(dashboards: number, work: () => Promise<void>): Promise<Work> {
    const startedMs = epochMs();
    const before = await scrape(this.#target.endpoint);
    await work();
    const after = await scrape(this.#target.endpoint);
    const [from, to] = [before, after].map((found) => found?.sums.get("process_cpu_seconds_total"));
    const cpuSeconds = from === undefined || to === undefined ? null : to - from;
    return {
      seconds: (epochMs() - startedMs) / 1_000,
      cpuSecondsPer1000: cpuSeconds === null ? null : (cpuSeconds * 1_000) / dashboards,
    };
  }

  async #weigh(when: Memory["when"]): Promise<void> {
    if (when !== "after restart") await sleep(SETTLE_MS);
    const found = await scrape(this.#target.endpoint);
    const read = (name: string): number | null => found?.sums.get(name) ?? null;
    this.#memory.push({
      when,
      connections: read("mizan_connections"),
      residentBytes: read("process_resident_memory_bytes"),
      heapUsedBytes: read("nodejs_heap_size_used_bytes"),
      externalBytes: read("nodejs_external_memory_bytes"),
    });
  }

  #counts(): Promise<CrowdCounts> {
    return this.#ask("counts", (reply) => ("counts" in reply ? reply.counts : undefined));
  }

  async #do(question: CrowdQuestion & string): Promise<void> {
    await this.#ask(question, (reply) => ("done" in reply && reply.done === question ? true : undefined));
  }

  #ask<T>(question: CrowdQuestion, pick: (reply: CrowdReply) => T | undefined): Promise<T> {
    const answer = this.#crowd.next(pick, CROWD_MS_MAX);
    this.#crowd.tell(question);
    return answer;
  }

  #resultOf(counts: CrowdCounts, behind: number, answers: readonly Answers[], endedAtMs: number): ConnectionsResult {
    const { crowd } = this.#job;
    const { dashboards, walletsEach } = crowd;
    const [without, connected, following] = this.#memory;
    const perDashboard = (from: Memory, to: Memory): number | null =>
      from.residentBytes === null || to.residentBytes === null
        ? null
        : (to.residentBytes - from.residentBytes) / dashboards;
    const subscribed = perDashboard(connected, following);
    const commands = commandWindows(answers, {
      startAtMs: this.#startAtMs + unmeasuredMs(this.#profile),
      storm: this.#storm === null ? null : { ...this.#storm.restart, backAtMs: this.#storm.backAtMs },
      hostileAtMs: this.#hostileAtMs,
      endedAtMs,
    });
    const expectedLosses = this.#storm === null ? 0 : dashboards;
    const { slow, silent } = (Number.isFinite(this.#hostileAtMs) ? crowd.hostile : undefined) ?? { slow: 0, silent: 0 };
    const result = {
      dashboards,
      active: activeDashboards(crowd),
      walletsEach,
      connecting: this.#connecting,
      following: this.#following,
      memory: this.#memory,
      bytesPerConnection: perDashboard(without, connected),
      bytesPerSubscription: subscribed === null ? null : subscribed / walletsEach,
      storm: this.#storm?.result ?? null,
      commands,
      streams: {
        states: counts.states,
        resets: counts.resets,
        changes: counts.changes,
        conflated: counts.conflated,
        faults: counts.faults,
        behind,
        asked: counts.asked,
        unanswered: counts.asked - counts.answered,
        lost: Math.max(0, counts.lost - expectedLosses),
        losses: endings(counts.losses),
      },
      slow: { opened: slow, ended: endings(counts.slowEnded) },
      silent: { opened: silent, ended: endings(counts.silentEnded) },
    };
    return { ...result, thresholds: judgeCrowd(crowd.thresholds, result) };
  }
}

function endings(tallied: Readonly<Record<string, number>>): { how: string; count: number }[] {
  return Object.entries(tallied)
    .map(([how, count]) => ({ how, count }))
    .sort((a, b) => b.count - a.count);
}

/** How long the stages last that come before the first one measured. */
function unmeasuredMs({ stages }: Profile): number {
  const first = stages.findIndex(({ measured }) => measured);
  return stages.slice(0, first).reduce((sum, { durationSeconds }) => sum + durationSeconds * 1_000, 0);
}

function behindOf(job: CrowdJob, seen: CrowdSeen, moved: Holdings, quiet: Holdings): number {
  const { dashboards, walletsEach } = job.crowd;
  let behind = 0;
  for (let place = 0; place < dashboards * walletsEach; place += 1) {
    const wallet = crowdWallet(job, Math.floor(place / walletsEach), place % walletsEach);
    const isMoved = wallet < job.movedWallets;
    const at = isMoved ? wallet : wallet - job.movedWallets;
    const { version, postedMinor } = isMoved ? moved : quiet;
    if (seen.version[place] !== version[at] || seen.postedMinor[place] !== postedMinor[at]) behind += 1;
  }
  return behind;
}

function checkOf({ faults }: CrowdCounts, behind: number, { crowd }: CrowdJob): BooksCheck {
  const subscriptions = crowd.dashboards * crowd.walletsEach;
  const agrees = faults === 0 && behind === 0;
  const detail = agrees
    ? `${subscriptions} subscriptions were told everything`
    : `${faults} versions were left out or went back, ${behind} of ${subscriptions} subscriptions are behind`;
  return { name: "dashboards", agrees, detail };
}
