/** A generator's process: takes one job, sends its part of the load on schedule, and tells what came of it. */

import { setTimeout as sleep } from "node:timers/promises";
import type { Profile } from "../profiles/profile.ts";
import { AnswerLog } from "./answer-log.ts";
import { CommandIds } from "./command-ids.ts";
import { Doubts } from "./doubts.ts";
import { Lane } from "./lane.ts";
import { epochMs } from "./meter.ts";
import type { GeneratorJob, GeneratorOutcome, GeneratorQuestion, GeneratorReply } from "./profile-job.ts";
import { partOf, stretchesOf } from "./rates.ts";
import { RequestSource } from "./request-source.ts";
import { Schedule } from "./schedule.ts";
import { Tally } from "./tally.ts";
import { WalletBooks } from "./wallet-books.ts";

/** Longest sleep between looks at the clock and at the sockets: it bounds how late a message leaves and an answer is seen. */
const NAP_MS_MAX = 0.05;
/** The same where nothing is in flight. */
const IDLE_NAP_MS_MAX = 1;
/** How long answers may take after the last message was due. */
const DRAIN_MS_MAX = 15_000;
/** Connections are looked after this often. */
const HOUSEKEEPING_MS = 5;

function reply(message: GeneratorReply): void {
  process.send?.(message);
}

class Generator {
  readonly #job: GeneratorJob;
  readonly #profile: Profile;
  readonly #tally: Tally;
  readonly #books: WalletBooks;
  readonly #doubts = new Doubts();
  readonly #answers: AnswerLog | undefined;
  readonly #lanes: readonly Lane[];
  readonly #stageEndsMs: readonly number[];
  readonly #nap = new Int32Array(new SharedArrayBuffer(4));
  #startMs = 0;
  #interval = 0;
  #stage = 0;
  #endMs: number;
  #cpu = process.cpuUsage();
  #cpuAtMs = performance.now();

  constructor(job: GeneratorJob) {
    const { profile, wallets, shards, generator, seed } = job;
    this.#job = job;
    this.#profile = profile;
    this.#answers = profile.connections === undefined ? undefined : new AnswerLog();
    this.#tally = new Tally(profile.stages.map(({ measured }) => measured));
    this.#books = new WalletBooks(shards.length);
    let endMs = 0;
    this.#stageEndsMs = profile.stages.map(({ durationSeconds }) => (endMs += durationSeconds * 1_000));
    this.#endMs = endMs;
    const ids = new CommandIds();
    setInterval(() => ids.refresh(), 10).unref();
    this.#lanes = profile.clients.map(
      (client, at) =>
        new Lane({
          endpoint: job.endpoint,
          client,
          schedule: new Schedule(stretchesOf(profile, client), generator / profile.generators),
          stageEndsMs: this.#stageEndsMs,
          source: new RequestSource(profile, wallets, shards, ids, seed + 1_000 * generator + at),
          tally: this.#tally,
          books: this.#books,
          doubts: this.#doubts,
          answers: this.#answers,
        }),
    );
  }

  /** Opens the connections of the first stage. */
  async connect(): Promise<void> {
    await Promise.all(this.#lanes.map((lane, at) => lane.connect(this.#connectionsOf(at))));
  }

  /** Connections of one lane in the stage that runs. */
  #connectionsOf(lane: number): number {
    const { generators, clients, stages } = this.#profile;
    const shares = clients.map(({ share, connectionShare }) => connectionShare ?? share);
    const total = shares.reduce((sum, share) => sum + share, 0);
    const connections = (stages[this.#stage].connections * shares[lane]) / total;
    return partOf(connections, this.#job.generator, generators);
  }

  /** Nothing falls due from now on; what is under way is still answered. */
  stop(): void {
    this.#endMs = Math.min(this.#endMs, performance.now() - this.#startMs);
    for (const lane of this.#lanes) lane.stop(performance.now());
  }

  async run(startAtMs: number): Promise<GeneratorOutcome> {
    this.#startMs = performance.now() + (startAtMs - epochMs());
    for (const lane of this.#lanes) lane.start(this.#startMs);
    await sleep(Math.max(0, this.#startMs - performance.now() - HOUSEKEEPING_MS));
    await new Promise<void>((resolve, reject) => {
      const turn = (): void => {
        try {
          if (this.#turn()) resolve();
          else setImmediate(turn);
        } catch (error) {
          reject(error);
        }
      };
      turn();
    });
    const nowMs = performance.now();
    for (const lane of this.#lanes) lane.abandon(nowMs);
    this.#report(this.#interval);
    return this.#outcome();
  }

  /** Does what is due; true when nothing is left to do. */
  #turn(): boolean {
    const nowMs = performance.now();
    const sinceMs = nowMs - this.#startMs;
    let nextDueMs = Number.POSITIVE_INFINITY;
    let inflight = 0;
    for (const lane of this.#lanes) {
      lane.pump(nowMs);
      nextDueMs = Math.min(nextDueMs, lane.nextDueMs);
      inflight += lane.inflight;
    }
    this.#enterStage(sinceMs);
    while (sinceMs >= (this.#interval + 1) * this.#job.intervalMs) this.#report(this.#interval++);
    if (sinceMs >= this.#endMs + DRAIN_MS_MAX) return true;
    if (sinceMs >= this.#endMs && nextDueMs === Number.POSITIVE_INFINITY && inflight === 0) return true;
    const napMs = Math.min(inflight > 0 ? NAP_MS_MAX : IDLE_NAP_MS_MAX, nextDueMs - nowMs);
    if (napMs > 0) Atomics.wait(this.#nap, 0, 0, napMs);
    return false;
  }

  #enterStage(sinceMs: number): void {
    if (this.#stage + 1 >= this.#stageEndsMs.length || sinceMs < this.#stageEndsMs[this.#stage]) return;
    this.#stage += 1;
    for (const [at, lane] of this.#lanes.entries()) void lane.resize(this.#connectionsOf(at));
  }

  #report(index: number): void {
    const nowMs = performance.now();
    const { user, system } = process.cpuUsage(this.#cpu);
    const cores = (user + system) / 1_000 / Math.max(1, nowMs - this.#cpuAtMs);
    this.#cpu = process.cpuUsage();
    this.#cpuAtMs = nowMs;
    const connections = this.#lanes.reduce((sum, lane) => sum + lane.connections, 0);
    reply({ interval: { ...this.#tally.endInterval(), index, endedMs: nowMs - this.#startMs, connections, cores } });
  }

  async #outcome(): Promise<GeneratorOutcome> {
    const inDoubt = await this.#doubts.resolve(this.#job.endpoint, this.#books);
    let scheduled = 0;
    for (const [stage, { measured, durationSeconds }] of this.#profile.stages.entries()) {
      const toMs = this.#stageEndsMs[stage];
      if (!measured) continue;
      for (const lane of this.#lanes) scheduled += lane.dueBetween(toMs - durationSeconds * 1_000, toMs);
    }
    const { postedMinor, heldMinor, changes } = this.#books;
    return {
      books: { postedMinor, heldMinor, changes },
      inDoubt,
      askedAgain: this.#doubts.total,
      scheduled,
      rejected: this.#tally.rejected,
      unanswered: this.#tally.unanswered,
      hasFailures: this.#tally.hasFailures,
      kinds: this.#tally.kinds(),
      errors: this.#tally.errors(),
      sendLags: this.#tally.sendLags.encode(),
      answers: this.#answers?.answers() ?? null,
      connectionsLost: this.#lanes.reduce((sum, lane) => sum + lane.connectionsLost, 0),
      firstLoss: this.#lanes.find(({ firstLoss }) => firstLoss !== "")?.firstLoss ?? "",
    };
  }
}

let generator: Generator | undefined;

async function answer(question: GeneratorQuestion): Promise<void> {
  if (question === "stop") {
    generator?.stop();
  } else if ("job" in question) {
    generator = new Generator(question.job);
    await generator.connect();
    reply({ ready: true });
  } else if (generator !== undefined) {
    reply({ outcome: await generator.run(question.startAtMs) });
  }
}

// A signal from the keyboard reaches every process; the runner alone decides what it means.
process.on("SIGINT", () => {});
process.once("disconnect", () => process.exit(0));
process.on("message", (question: GeneratorQuestion) => {
  answer(question).catch((error: Error) => reply({ error: error.message }));
});
