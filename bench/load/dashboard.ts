import { setTimeout as sleep } from "node:timers/promises";
import { backoffMs } from "../../client/backoff.ts";
import { type CrowdCounts, type CrowdJob, crowdWallet, type Tallied } from "./crowd-job.ts";
import { localAddressOf } from "./crowd-room.ts";
import { OPCODE } from "./frame-stream.ts";
import { epochMs } from "./meter.ts";
import { clientFrame, WebSocketLink } from "./websocket-link.ts";

const HEARTBEAT = '{"type":"Heartbeat"';
/** Codes by which the server puts a subscription off. */
const LATER_CODES = new Set(["overloaded", "shutting_down"]);
const LATER_MS = 200;
const CALM_BACKOFF_MS = { backoffMsMin: 100, backoffMsMax: 2_000 };

/** What the dashboards of a process share. What each saw lies side by side: objects of their own would cost more than the sockets. */
export interface Crowd {
  readonly job: CrowdJob;
  readonly counts: CrowdCounts;
  /** Ids of the wallets as text. */
  readonly names: readonly string[];
  readonly version: Float64Array;
  readonly postedMinor: Float64Array;
}

interface Delta {
  readonly kind: "state" | "change";
  readonly walletId: string;
  readonly postedMinor: number;
  readonly version: number;
  readonly reset?: true;
  readonly conflated?: true;
}

/** One object of `mizan.json.v1`, as far as a dashboard looks at it. */
interface Message {
  readonly type?: "Welcome" | "Balances" | "Error";
  readonly requestId?: number;
  readonly ok?: boolean;
  readonly error?: { readonly code: string };
  readonly deltas?: readonly Delta[];
}

/** One dashboard: follows its wallets, checks what it is shown, and comes back where its connection ends. */
export class Dashboard {
  readonly #crowd: Crowd;
  readonly #number: number;
  #link: WebSocketLink | undefined;
  #wantsToFollow = false;
  #confirmed = 0;
  #asking = 0;

  constructor(crowd: Crowd, number: number) {
    this.#crowd = crowd;
    this.#number = number;
  }

  /** Connects; resolves when that is done, however often it takes. */
  async open(): Promise<void> {
    const { job, counts } = this.#crowd;
    const { backoffMsMin, backoffMsMax } = job.crowd.restart ?? CALM_BACKOFF_MS;
    const options = { localAddress: localAddressOf(this.#number, job.endpoint.host) };
    for (let attempt = 0; ; attempt += 1) {
      counts.attempts += 1;
      let isLost = false;
      const lost = (error: Error): void => {
        // The server may end a connection with the very bytes that opened it.
        isLost = true;
        if (this.#link !== undefined) this.#lost(error);
      };
      try {
        const link = await WebSocketLink.open(
          job.endpoint,
          "mizan.json.v1",
          {
            readBegins: () => {},
            message: (bytes, start, end) =>
              this.#onMessage(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1")),
            readEnds: () => {},
            lost,
          },
          options,
        );
        if (isLost) throw new Error("lost at once");
        this.#link = link;
        counts.open += 1;
        if (this.#wantsToFollow) this.#followAll();
        return;
      } catch {
        await sleep(backoffMs(attempt, backoffMsMin, backoffMsMax));
      }
    }
  }

  /** Follows its wallets, now and after each return. */
  follow(): void {
    this.#wantsToFollow = true;
    if (this.#link !== undefined) this.#followAll();
  }

  /** Asks for a balance. */
  ask(): void {
    if (this.#link === undefined) return;
    const { job, counts } = this.#crowd;
    counts.asked += 1;
    const nth = this.#asking % job.crowd.walletsEach;
    this.#asking += 1;
    this.#write({ requestId: job.crowd.walletsEach + 1, type: "GetBalance", walletId: this.#nameOf(nth) });
  }

  #followAll(): void {
    this.#confirmed = 0;
    const { walletsEach } = this.#crowd.job.crowd;
    const messages = Array.from({ length: walletsEach }, (_, nth) => textFrame(this.#subscription(nth)));
    this.#link?.write(Buffer.concat(messages));
  }

  #subscription(nth: number): object {
    const fromVersion = this.#crowd.version[this.#placeOf(nth)];
    const request = { requestId: nth + 1, type: "Subscribe", topic: "wallet", walletId: this.#nameOf(nth) };
    return fromVersion === 0 ? request : { ...request, fromVersion };
  }

  #onMessage(text: string): void {
    if (text.startsWith(HEARTBEAT)) return;
    const message = JSON.parse(text) as Message;
    if (message.deltas !== undefined) for (const delta of message.deltas) this.#onDelta(delta);
    else if (message.requestId !== undefined) this.#onAnswer(message.requestId, message);
    else if (message.type === "Error") throw new Error(message.error?.code);
  }

  #onAnswer(requestId: number, { ok, error }: Message): void {
    const { counts, job } = this.#crowd;
    if (requestId > job.crowd.walletsEach) {
      counts.answered += 1;
    } else if (ok === true) {
      this.#confirmed += 1;
      if (this.#confirmed < job.crowd.walletsEach) return;
      counts.incomplete -= 1;
      if (counts.incomplete === 0) counts.completeSinceMs = epochMs();
    } else if (LATER_CODES.has(error?.code ?? "")) {
      const link = this.#link;
      setTimeout(
        () => {
          if (this.#link === link) this.#write(this.#subscription(requestId - 1));
        },
        LATER_MS * (0.5 + Math.random()),
      );
    } else {
      throw new Error(`a subscription was refused: ${error?.code}`);
    }
  }

  #onDelta({ kind, walletId, version, postedMinor, reset, conflated }: Delta): void {
    const { counts, job, ...seen } = this.#crowd;
    let nth = 0;
    while (nth < job.crowd.walletsEach && this.#nameOf(nth) !== walletId) nth += 1;
    const place = this.#placeOf(nth);
    const before = seen.version[place];
    if (kind === "state") {
      counts.states += 1;
      if (reset === true) counts.resets += 1;
    } else {
      counts.changes += 1;
      if (conflated === true) counts.conflated += 1;
    }
    // Only what is marked may leave versions out, and nothing goes back.
    const isMarked = kind === "state" || conflated === true;
    const follows = isMarked ? version >= before : version === before + 1;
    if (!follows || nth === job.crowd.walletsEach) counts.faults += 1;
    else {
      seen.version[place] = version;
      seen.postedMinor[place] = postedMinor;
    }
  }

  #lost(error: Error): void {
    const { counts, job } = this.#crowd;
    this.#link = undefined;
    counts.open -= 1;
    counts.lost += 1;
    tally(counts.losses, error.message);
    if (this.#confirmed === job.crowd.walletsEach) counts.incomplete += 1;
    this.#confirmed = 0;
    const { backoffMsMin } = job.crowd.restart ?? CALM_BACKOFF_MS;
    setTimeout(() => void this.open(), backoffMs(0, backoffMsMin, backoffMsMin));
  }

  #placeOf(nth: number): number {
    return this.#number * this.#crowd.job.crowd.walletsEach + nth;
  }

  #nameOf(nth: number): string {
    const { job, names } = this.#crowd;
    return names[crowdWallet(job, this.#number, nth)];
  }

  #write(message: object): void {
    this.#link?.write(textFrame(message));
  }
}

/** Counts one more of something. */
export function tally(tallied: Tallied, what: string): void {
  tallied[what] = (tallied[what] ?? 0) + 1;
}

export function textFrame(message: object): Uint8Array {
  return clientFrame(OPCODE.text, Buffer.from(JSON.stringify(message)));
}
