import { setImmediate as nextTurn } from "node:timers/promises";
import { type ProgressResult, progress } from "@clack/prompts";
import { unreachable } from "../protocol/unreachable.ts";

/** Tasks that take less are not worth a word. */
const SHOWN_AFTER_MS = 2_000;
const LINE_EVERY_MS = 2_000;
const PAUSE_EVERY_MS = 100;
const BAR_STEPS = 1_000;

/** How a task shows how far it is: a bar on a terminal, lines elsewhere, nothing for programs. */
export type ProgressStyle = "bar" | "lines" | "silent";

/**
 * How far one task is.
 *
 * The work between two pauses is synchronous, so a task awaits what `advance` returns: there the bar is drawn.
 */
export class Progress {
  readonly #task: string;
  readonly #style: ProgressStyle;
  readonly #startedMs = performance.now();
  #total: number;
  #done = 0;
  #pausedMs = this.#startedMs;
  #saidMs = 0;
  #bar: ProgressResult | undefined;
  #barSteps = 0;

  constructor(task: string, total: number, style: ProgressStyle) {
    this.#task = task;
    this.#total = total;
    this.#style = style;
  }

  /** Counts work that was done; returns a promise to await now and then. */
  advance(amount: number): Promise<unknown> | undefined {
    this.#done += amount;
    const nowMs = performance.now();
    if (nowMs - this.#pausedMs < PAUSE_EVERY_MS) return undefined;
    this.#pausedMs = nowMs;
    if (nowMs - this.#startedMs >= SHOWN_AFTER_MS) this.#show(nowMs);
    return nextTurn();
  }

  /** Work was found that was not known of. */
  extend(amount: number): void {
    this.#total += amount;
  }

  /** Takes the bar away. */
  end(): void {
    this.#bar?.clear();
    this.#bar = undefined;
  }

  #show(nowMs: number): void {
    switch (this.#style) {
      case "silent":
        return;
      case "bar": {
        if (this.#bar === undefined) {
          this.#bar = progress({ max: BAR_STEPS, output: process.stderr });
          this.#bar.start(this.#task);
        }
        const steps = Math.floor(this.#share() * BAR_STEPS);
        this.#bar.advance(steps - this.#barSteps, this.#text());
        this.#barSteps = steps;
        return;
      }
      case "lines":
        if (nowMs - this.#saidMs < LINE_EVERY_MS) return;
        this.#saidMs = nowMs;
        process.stderr.write(`${this.#text()}\n`);
        return;
      default:
        unreachable(this.#style);
    }
  }

  #share(): number {
    return this.#total <= 0 ? 0 : Math.min(1, this.#done / this.#total);
  }

  #text(): string {
    const share = this.#share();
    const seconds = (performance.now() - this.#startedMs) / 1_000;
    const left = share > 0 ? `, ${Math.ceil(seconds / share - seconds)} s left` : "";
    return `${this.#task}: ${(share * 100).toFixed(0)} %${left}`;
  }
}
