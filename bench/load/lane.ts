import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "../profiles/profile.ts";
import type { AnswerLog } from "./answer-log.ts";
import { BINARY_SPEECH } from "./binary-speech.ts";
import { Doubts } from "./doubts.ts";
import { JSON_SPEECH } from "./json-speech.ts";
import type { Line, LineEvents } from "./line.ts";
import { type Request, recordBytesOf } from "./request.ts";
import type { RequestSource } from "./request-source.ts";
import { RestLine } from "./rest-line.ts";
import type { Schedule } from "./schedule.ts";
import type { Tally } from "./tally.ts";
import type { WalletBooks } from "./wallet-books.ts";
import { WebSocketLine } from "./websocket-line.ts";
import type { Endpoint } from "./workload.ts";

const OPEN = {
  binary: WebSocketLine.open.bind(undefined, BINARY_SPEECH),
  json: WebSocketLine.open.bind(undefined, JSON_SPEECH),
  rest: RestLine.open,
};
/** Connections opened at once, so that the server's backlog is not the test. */
const OPENING_MAX = 20;
const REOPEN_MS_MIN = 100;
const REOPEN_MS_MAX = 400;

/** What a lane shares with the others of its generator. */
export interface LaneParts {
  readonly endpoint: Endpoint;
  readonly client: Client;
  readonly schedule: Schedule;
  /** When each stage ends, since the start. */
  readonly stageEndsMs: readonly number[];
  readonly source: RequestSource;
  readonly tally: Tally;
  readonly books: WalletBooks;
  readonly doubts: Doubts;
  /** Absent where no answer is kept by itself. */
  readonly answers: AnswerLog | undefined;
}

/**
 * One client of a profile: its connections and its part of the schedule.
 *
 * A message that is due leaves on the next connection that has room. Where none has, it waits, and the ones after it with
 * it; all of them keep the times at which they were due.
 */
export class Lane implements LineEvents {
  connectionsLost = 0;
  firstLoss = "";
  readonly #parts: LaneParts;
  readonly #lines = new Set<Line>();
  /** Connections that end when their last answer is there. */
  readonly #leaving = new Set<Line>();
  /** Lines with room, each once, from the cursor on. */
  #ready: Line[] = [];
  #cursor = 0;
  readonly #queued = new Set<Line>();
  #roomSinceMs = 0;
  #inflight = 0;
  #wanted = 0;
  #opening = 0;
  #isOver = false;
  #nowMs = 0;
  #startMs = 0;
  #endMs = Number.POSITIVE_INFINITY;
  #next = 0;
  #stage = 0;

  constructor(parts: LaneParts) {
    this.#parts = parts;
  }

  get connections(): number {
    return this.#lines.size + this.#leaving.size;
  }

  /** Messages sent and not answered, on all connections. */
  get inflight(): number {
    return this.#inflight;
  }

  /** When the next message is due, on the generator's clock; Infinity where none is. */
  get nextDueMs(): number {
    const dueMs = this.#parts.schedule.dueMs(this.#next);
    return dueMs < this.#endMs ? this.#startMs + dueMs : Number.POSITIVE_INFINITY;
  }

  /** Messages that fell due within the schedule, or until it was stopped, between two times since the start. */
  dueBetween(fromMs: number, toMs: number): number {
    const { schedule, client } = this.#parts;
    const due = schedule.dueBefore(Math.min(toMs, this.#endMs)) - schedule.dueBefore(Math.min(fromMs, this.#endMs));
    return due * client.commandsPerMessage;
  }

  /** Has this many connections from now on; resolves when they are open. **Errors**: rejects where one cannot be opened. */
  async connect(connections: number): Promise<void> {
    this.#wanted = connections;
    while (this.#missing > 0) await Promise.all(Array.from({ length: this.#missing }, () => this.#openOne()));
  }

  /** The same in the middle of a load: what cannot be opened is tried again, and messages go on over what is open. */
  async resize(connections: number): Promise<void> {
    this.#wanted = connections;
    for (const line of [...this.#lines].slice(connections)) this.#leave(line);
    while (this.#missing > 0) await Promise.all(Array.from({ length: this.#missing }, () => this.#reopen()));
  }

  start(startMs: number): void {
    this.#startMs = startMs;
    this.#roomSinceMs = startMs;
  }

  /** Nothing falls due from now on. */
  stop(nowMs: number): void {
    this.#endMs = Math.min(this.#endMs, nowMs - this.#startMs);
  }

  /** Sends what is due and has a connection to leave on. */
  pump(nowMs: number): void {
    for (let dueMs = this.nextDueMs; dueMs <= nowMs; dueMs = this.nextDueMs) {
      const line = this.#takeReady();
      if (line === undefined) return;
      const request = this.#take(dueMs);
      this.#parts.tally.left(request.stage, nowMs - Math.max(dueMs, this.#roomSinceMs));
      request.sentMs = nowMs;
      line.send(request);
      this.#inflight += 1;
      if (line.hasRoom) this.#offer(line);
    }
  }

  /** Gives up on what was not sent and not answered. */
  abandon(nowMs: number): void {
    this.#isOver = true;
    this.#nowMs = nowMs;
    const { tally, client } = this.#parts;
    for (let dueMs = this.nextDueMs; dueMs <= nowMs; dueMs = this.nextDueMs) {
      const stage = this.#stageOf(dueMs);
      this.#next += 1;
      tally.missed(
        client.transport,
        { kind: "transfers", stage, count: client.commandsPerMessage },
        nowMs - dueMs,
        "not_sent",
      );
    }
    for (const line of [...this.#lines, ...this.#leaving]) line.close();
    this.#lines.clear();
    this.#leaving.clear();
  }

  readBegins(): void {
    this.#nowMs = performance.now();
  }

  answered(line: Line, request: Request, codeAt: (command: number) => string): void {
    const { tally, client, books, doubts, source } = this.#parts;
    const latencyMs = this.#nowMs - request.dueMs;
    this.#inflight -= 1;
    this.#parts.answers?.add(request, latencyMs);
    for (let at = 0; at < request.count; at += 1) {
      const code = codeAt(at);
      tally.answered(client.transport, request, latencyMs, code);
      if (Doubts.isOpen(code)) doubts.add(request, at);
      if (code !== "ok") continue;
      books.applied(request, at);
      if (request.kind === "holds") source.holdPlaced(holdOf(request, at));
    }
    if (this.#leaving.has(line)) this.#leave(line);
    else if (this.#lines.has(line)) this.#offer(line);
  }

  lost(line: Line, requests: readonly Request[], error: Error): void {
    const { tally, client, doubts } = this.#parts;
    const nowMs = performance.now();
    this.#inflight -= requests.length;
    for (const request of requests) {
      tally.missed(client.transport, request, nowMs - request.dueMs, "no_answer");
      for (let at = 0; at < request.count; at += 1) doubts.add(request, at);
    }
    this.#leaving.delete(line);
    if (!this.#lines.delete(line) || this.#isOver) return;
    this.#noteLoss(error);
    void this.#reopen();
  }

  /** Connections to open now. */
  get #missing(): number {
    return this.#isOver ? 0 : Math.min(OPENING_MAX, this.#wanted - this.#lines.size - this.#opening);
  }

  #noteLoss(error: Error): void {
    this.connectionsLost += 1;
    if (this.firstLoss === "") this.firstLoss = error.message;
  }

  async #openOne(): Promise<void> {
    const { endpoint, client } = this.#parts;
    this.#opening += 1;
    try {
      const line = await OPEN[client.transport](endpoint, client.inflightPerConnectionMax, this);
      if (this.#isOver || this.#lines.size >= this.#wanted) {
        line.close();
        return;
      }
      this.#lines.add(line);
      this.#nowMs = performance.now();
      this.#offer(line);
    } finally {
      this.#opening -= 1;
    }
  }

  /** Opens a connection in place of one that was lost, however often that takes. */
  async #reopen(): Promise<void> {
    for (let pauseMs = REOPEN_MS_MIN; !this.#isOver; pauseMs = Math.min(2 * pauseMs, REOPEN_MS_MAX)) {
      try {
        await this.#openOne();
        return;
      } catch (error) {
        this.#noteLoss(error as Error);
        await sleep(pauseMs);
      }
    }
  }

  #leave(line: Line): void {
    this.#lines.delete(line);
    this.#leaving.add(line);
    if (line.inflight > 0) return;
    this.#leaving.delete(line);
    line.close();
  }

  #take(dueMs: number): Request {
    const { source, client } = this.#parts;
    const request = source.next(client.commandsPerMessage, dueMs, this.#stageOf(dueMs));
    this.#next += 1;
    return request;
  }

  #stageOf(dueMs: number): number {
    const { stageEndsMs } = this.#parts;
    while (this.#stage < stageEndsMs.length - 1 && dueMs - this.#startMs >= stageEndsMs[this.#stage]) this.#stage += 1;
    return this.#stage;
  }

  #offer(line: Line): void {
    if (this.#queued.has(line) || !line.hasRoom) return;
    if (this.#queued.size === 0) this.#roomSinceMs = this.#nowMs;
    this.#queued.add(line);
    this.#ready.push(line);
  }

  #takeReady(): Line | undefined {
    while (this.#cursor < this.#ready.length) {
      const line = this.#ready[this.#cursor];
      this.#cursor += 1;
      this.#queued.delete(line);
      if (this.#cursor > 1_024 && this.#cursor * 2 > this.#ready.length) {
        this.#ready = this.#ready.slice(this.#cursor);
        this.#cursor = 0;
      }
      if (this.#lines.has(line) && line.hasRoom) return line;
    }
    return undefined;
  }
}

function holdOf(request: Request, at: number): { id: Uint8Array; from: number; to: number; amountMinor: number } {
  const start = at * recordBytesOf(request);
  return {
    id: request.records.slice(start, start + 16),
    from: request.from[at],
    to: request.to[at],
    amountMinor: request.amountMinor[at],
  };
}
