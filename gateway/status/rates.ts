import type { Engine } from "../../engine/engine.ts";

/** Over how many marks a rate is taken. */
const MARKS = 10;

interface Mark {
  readonly atMs: number;
  readonly commands: number;
  readonly frames: number;
  readonly journalBytes: number;
}

/** What a shard does in a second, as an average of the last ten. */
export interface Rate {
  readonly commands: number;
  readonly frames: number;
  readonly journalBytes: number;
}

/** How fast each shard works. */
export class Rates {
  readonly #engine: Pick<Engine, "ports" | "stats" | "meters">;
  readonly #marks: Mark[][];

  constructor(engine: Pick<Engine, "ports" | "stats" | "meters">) {
    this.#engine = engine;
    this.#marks = engine.ports.map(() => []);
  }

  /** Called once a second. */
  mark(nowMs: number): void {
    for (const [shard, marks] of this.#marks.entries()) {
      const { frames, journalBytes } = this.#engine.stats(shard);
      const commands = this.#engine.meters(shard).commands.reduce((sum, { count }) => sum + count, 0);
      marks.push({ atMs: nowMs, commands, frames, journalBytes });
      if (marks.length > MARKS) marks.shift();
    }
  }

  of(shard: number): Rate {
    const marks = this.#marks[shard];
    const [first, last] = [marks[0], marks.at(-1)];
    if (first === undefined || last === undefined || first === last) return { commands: 0, frames: 0, journalBytes: 0 };
    const seconds = (last.atMs - first.atMs) / 1_000;
    return {
      commands: (last.commands - first.commands) / seconds,
      frames: (last.frames - first.frames) / seconds,
      journalBytes: (last.journalBytes - first.journalBytes) / seconds,
    };
  }
}
