/** The crowd's process: dashboards that stay through everything, and strangers that read too slowly or answer nothing. */

import { formatUuid } from "../../protocol/ids.ts";
import { activeDashboards, type CrowdCounts, type CrowdJob, type CrowdQuestion, type CrowdReply } from "./crowd-job.ts";
import { type Crowd, Dashboard, tally, textFrame } from "./dashboard.ts";
import { WebSocketLink } from "./websocket-link.ts";

const ASK_TICK_MS = 10;
/** What a stranger makes of what it is told. */
const DEAF = { readBegins: () => {}, message: () => {}, readEnds: () => {} };

function reply(message: CrowdReply): void {
  process.send?.(message);
}

function noCounts(dashboards: number): CrowdCounts {
  const nothing = { states: 0, resets: 0, changes: 0, conflated: 0, faults: 0, asked: 0, answered: 0, attempts: 0 };
  const nobody = { lost: 0, losses: {}, open: 0, slowOpen: 0, silentOpen: 0, slowEnded: {}, silentEnded: {} };
  return { ...nothing, ...nobody, incomplete: dashboards, completeSinceMs: 0 };
}

/** Everybody whom this process plays. */
class CrowdProcess {
  readonly #crowd: Crowd;
  readonly #dashboards: readonly Dashboard[];
  readonly #slow: WebSocketLink[] = [];
  #asked = 0;

  constructor(job: CrowdJob) {
    const { dashboards, walletsEach } = job.crowd;
    const subscriptions = dashboards * walletsEach;
    this.#crowd = {
      job,
      counts: noCounts(dashboards),
      names: Array.from({ length: job.wallets.byteLength / 16 }, (_, wallet) => formatUuid(job.wallets, wallet * 16)),
      version: new Float64Array(subscriptions),
      postedMinor: new Float64Array(subscriptions),
    };
    this.#dashboards = Array.from({ length: dashboards }, (_, number) => new Dashboard(this.#crowd, number));
  }

  get counts(): CrowdCounts {
    return this.#crowd.counts;
  }

  get seen(): { version: Float64Array; postedMinor: Float64Array } {
    const { version, postedMinor } = this.#crowd;
    return { version, postedMinor };
  }

  /** Opens every connection, a limited number at once. */
  async connect(): Promise<void> {
    let next = 0;
    const openSome = async (): Promise<void> => {
      for (let dashboard = this.#dashboards[next++]; dashboard !== undefined; dashboard = this.#dashboards[next++]) {
        await dashboard.open();
      }
    };
    await Promise.all(Array.from({ length: this.#crowd.job.crowd.openingMax }, openSome));
  }

  /** Has everybody follow, and active ones ask from then on. */
  follow(): void {
    for (const dashboard of this.#dashboards) dashboard.follow();
    const { crowd } = this.#crowd.job;
    const active = activeDashboards(crowd);
    const startedMs = performance.now();
    setInterval(() => {
      const due = ((performance.now() - startedMs) / 1_000 / crowd.askSeconds) * active;
      for (; this.#asked < due; this.#asked += 1) this.#dashboards[this.#asked % active].ask();
    }, ASK_TICK_MS).unref();
  }

  async letStrangersIn(): Promise<void> {
    const { slow = 0, silent = 0 } = this.#crowd.job.crowd.hostile ?? {};
    await Promise.all([
      ...Array.from({ length: slow }, () => this.#openSlow()),
      ...Array.from({ length: silent }, () => this.#openSilent()),
    ]);
  }

  readOn(): void {
    for (const link of this.#slow) link.readOn();
  }

  /** Follows every wallet and, from then on, takes nothing from its socket. */
  async #openSlow(): Promise<void> {
    const { job, counts } = this.#crowd;
    const lost = ({ message }: Error): void => {
      counts.slowOpen -= 1;
      tally(counts.slowEnded, message);
    };
    const link = await WebSocketLink.open(job.endpoint, "mizan.json.v1", { ...DEAF, lost });
    counts.slowOpen += 1;
    link.write(textFrame({ requestId: 1, type: "Subscribe", topic: "all" }));
    link.stopReading();
    this.#slow.push(link);
  }

  /** Follows a wallet, reads along, and answers no ping. */
  async #openSilent(): Promise<void> {
    const { job, counts } = this.#crowd;
    const lost = ({ message }: Error): void => {
      counts.silentOpen -= 1;
      tally(counts.silentEnded, message);
    };
    const link = await WebSocketLink.open(job.endpoint, "mizan.json.v1", { ...DEAF, lost }, { answersPings: false });
    counts.silentOpen += 1;
    link.write(textFrame({ requestId: 1, type: "Subscribe", topic: "wallet", walletId: this.#crowd.names[0] }));
  }
}

let crowd: CrowdProcess | undefined;

async function answer(question: CrowdQuestion): Promise<void> {
  if (typeof question === "object") {
    crowd = new CrowdProcess(question.job);
    return;
  }
  if (crowd === undefined) throw new Error("the crowd has no job");
  if (question === "counts") reply({ counts: crowd.counts });
  else if (question === "seen") reply({ seen: crowd.seen });
  else {
    if (question === "connect") await crowd.connect();
    else if (question === "follow") crowd.follow();
    else if (question === "strangers") await crowd.letStrangersIn();
    else crowd.readOn();
    reply({ done: question });
  }
}

// A signal from the keyboard reaches every process; the runner alone decides what it means.
process.on("SIGINT", () => {});
process.once("disconnect", () => process.exit(0));
process.on("message", (question: CrowdQuestion) => {
  answer(question).catch((error: Error) => reply({ error: error.message }));
});
