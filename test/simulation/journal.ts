import type { Journal, StoredFrame } from "../../engine/journal/journal.ts";
import type { RecoverableJournal } from "../../engine/shard/recover.ts";
import type { Flaws } from "./plant.ts";
import type { Random } from "./random.ts";
import { Crash, DiskFailure } from "./rules.ts";

/** What becomes of a frame that is appended. */
export type Fate =
  | "durable"
  /** The disk is full: an error at once. */
  | "refused"
  /** The sync fails, and nothing arrived. */
  | "lost"
  /** The sync fails or the power goes, but everything had arrived. */
  | "unacknowledged"
  /** The power goes while the frame is written: only its beginning arrived. */
  | "torn"
  /** The power goes, and what arrived is damaged. */
  | "flipped";

export interface JournalHooks {
  readonly random: Random;
  readonly fate: (shard: number) => Fate;
  /** A whole frame is on the disk now, whoever will hear of it. */
  readonly durable: (shard: number, frame: Uint8Array) => void;
  /** Called between two steps of reading or cutting; may throw a Crash. */
  readonly interrupt: () => void;
}

interface Frame {
  readonly key: number;
  value: Uint8Array;
}

const SEGMENT = "the simulated disk";

/** The journal of one shard on a simulated disk, which outlives the process. */
export class SimulatedJournal implements Journal, RecoverableJournal {
  readonly shard: number;
  readonly #hooks: JournalHooks;
  readonly #flaws: Flaws;
  #frames: Frame[] = [];
  #archived: Frame[] = [];
  /** Archived frames that are not synced yet. */
  #unsynced: Frame[] = [];

  constructor(shard: number, hooks: JournalHooks, flaws: Flaws) {
    this.shard = shard;
    this.#flaws = flaws;
    this.#hooks = hooks;
  }

  append(firstSequence: number, frame: Uint8Array): void {
    const fate = this.#hooks.fate(this.shard);
    if (fate === "refused") throw new DiskFailure("no space left on device");
    if (fate === "lost") throw new DiskFailure("the sync failed, and the frame is lost");
    if (fate === "torn" || fate === "flipped") {
      this.#frames.push({ key: firstSequence, value: this.#damaged(frame, fate) });
      throw new Crash(`the power went while a frame was written, which is ${fate}`);
    }
    this.#frames.push({ key: firstSequence, value: frame.slice() });
    this.#hooks.durable(this.shard, frame);
    if (fate === "unacknowledged") throw new DiskFailure("the sync failed, but the frame is there");
  }

  frameAt(sequence: number): Uint8Array | undefined {
    const isHere = ({ key }: Frame): boolean => key <= sequence;
    return (this.#frames.findLast(isHere) ?? this.#unsynced.findLast(isHere) ?? this.#archived.findLast(isHere))?.value;
  }

  get range(): { readonly first: number; readonly last: number } | undefined {
    const last = this.#frames.at(-1);
    return last === undefined ? undefined : { first: this.#frames[0].key, last: last.key };
  }

  *frames(fromSequence = 0): Generator<StoredFrame> {
    for (const [index, { key, value }] of this.#frames.entries()) {
      if (key < fromSequence) continue;
      this.#hooks.interrupt();
      yield { key, value, segment: SEGMENT, isLast: index === this.#frames.length - 1 };
    }
  }

  removeLast(key: number): void {
    this.#hooks.interrupt();
    if (this.#frames.at(-1)?.key !== key) throw new Error(`frame ${key} is not the last one`);
    this.#frames.pop();
  }

  /** This journal with all that was archived, as an auditor reads it. */
  whole(): RecoverableJournal {
    const frames = [...this.#archived, ...this.#unsynced, ...this.#frames];
    const whole = new SimulatedJournal(this.shard, this.#hooks, this.#flaws);
    whole.#frames = frames;
    return whole;
  }

  /** Moves the frames that end at or before a sequence into the archive. */
  archive(sequence: number): void {
    const end = this.#frames.findLastIndex(({ key }) => key <= sequence + 1);
    const frames = this.#frames.splice(0, Math.max(0, end));
    if (this.#flaws.dropsBeforeSync === true) this.#unsynced.push(...frames);
    else this.#archived.push(...frames);
  }

  /** The process ends. */
  crash(): void {
    this.#unsynced = [];
  }

  /** Flips a bit of a frame after a sequence that others follow; returns its key and how to put it right. */
  damage(afterSequence: number): { readonly key: number; readonly repair: () => void } | undefined {
    const frames = this.#frames.slice(0, -1).filter(({ key }) => key > afterSequence);
    if (frames.length === 0) return undefined;
    const frame = this.#hooks.random.pick(frames);
    const whole = frame.value;
    frame.value = this.#damaged(whole, "flipped");
    return {
      key: frame.key,
      repair: () => {
        frame.value = whole;
      },
    };
  }

  #damaged(frame: Uint8Array, fate: "torn" | "flipped"): Uint8Array {
    const { random } = this.#hooks;
    const at = random.below(frame.byteLength);
    const damaged = frame.slice();
    if (fate === "flipped") damaged[at] ^= 1 << random.below(8);
    else if (random.chance(0.5)) return frame.slice(0, at);
    else damaged.fill(0, at);
    // Zeros in place of zeros are no damage.
    if (Buffer.compare(damaged, frame) === 0) damaged[0] ^= 1;
    return damaged;
  }
}
