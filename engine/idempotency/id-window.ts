import { RESERVED_VARIANT, uuidTimeMs } from "../../protocol/ids.ts";
import { COMMANDS_PER_MESSAGE_MAX } from "../../protocol/limits.ts";
import { ArrivedIds } from "./arrived-ids.ts";
import { FrozenIds } from "./frozen-ids.ts";
import { ROW_LANES } from "./id-map.ts";
import type { IdRows } from "./id-rows.ts";
import { rowSequence } from "./row-order.ts";
import type { SealedIds } from "./sealed-ids.ts";
import { SECOND_MS, TimedIds } from "./timed-ids.ts";

/** Room made at the beginning of a frame, so that the ids of that frame find it. */
const FRAME_IDS_MAX = 2 * COMMANDS_PER_MESSAGE_MAX;
const GENERATIONS_BY_AGE = 24;
const GENERATIONS_BY_COUNT = 32;
/** An id that comes later than this after the time inside it is kept by its arrival, so that buckets by time stay apart. */
const LATE_MS = 600_000;
/** Seconds older than this get hardly any more ids. */
const SETTLED_MS = 120_000;
/** Ids are sealed at this age even where they do not fill a bucket. */
const SEALED_AT_MS = 3_600_000;
const BUCKET_IDS_MAX = 1 << 21;
const SEAL_WAIT_MS = 1_000;

/**
 * The command ids that a shard remembers, each with the journal sequence of its answer.
 *
 * An id with a time in it (UUIDv7) is kept under the second of that time, so that one probe tells whether it is known, and an
 * id older than the window is known to be unknowable: it is refused instead of applied a second time. Ids without a time,
 * and ids that come late, are kept by their arrival; the former are remembered for the window only.
 *
 * Ids that have settled, or that are too many for memory, are frozen at the beginning of a frame, copied out a little at a
 * time, and sealed on the disk by another thread; until that is durable they are found where they were. Without a place to
 * seal them the oldest are forgotten when they are too many, and the window gets shorter.
 *
 * The window follows from journaled time alone. Where ids are kept is no part of the state: a replay passes over those that
 * are sealed already.
 *
 * **Source**: design decision "idempotency".
 */
export class IdWindow {
  readonly #windowMs: number;
  readonly #idsMax: number;
  readonly #idsKeptMax: number;
  readonly #bucketIds: number;
  readonly #lateMs: number;
  readonly #settledMs: number;
  readonly #sealedAtMs: number;
  readonly #sealed: SealedIds | undefined;
  readonly #timed = new TimedIds();
  readonly #arrived: ArrivedIds;
  #frozen: FrozenIds | undefined;
  #isHandedOver = false;
  /** Ids by time that lie before this may be frozen or sealed. */
  #frozenEndMs = 0;
  /** Records up to this one may have brought ids that were sealed before the start. */
  #sealedSequence = 0;
  #newestSequence = 0;
  /** How many more ids memory takes; counted anew with every frame. */
  #room: number;
  #floorMs = 0;
  #nowMs = 0;
  #consideredSecond = 0;
  #isReplaying = true;
  #isCopying = false;

  constructor(windowMs: number, idsMax: number, sealed?: SealedIds) {
    this.#windowMs = windowMs;
    this.#idsMax = idsMax;
    this.#room = idsMax;
    this.#idsKeptMax = idsMax - Math.min(FRAME_IDS_MAX, Math.floor(idsMax / 4));
    this.#bucketIds = Math.min(BUCKET_IDS_MAX, Math.ceil(idsMax / 8));
    this.#arrived = new ArrivedIds(windowMs / GENERATIONS_BY_AGE, Math.ceil(idsMax / GENERATIONS_BY_COUNT));
    this.#sealed = sealed;
    this.#lateMs = sealed === undefined ? Number.POSITIVE_INFINITY : Math.min(LATE_MS, windowMs / 4);
    this.#settledMs = Math.min(SETTLED_MS, windowMs / 8);
    this.#sealedAtMs = Math.min(SEALED_AT_MS, windowMs / 4);
    if (sealed === undefined) return;
    sealed.warm(sealed.newestMs - windowMs);
    this.#frozenEndMs = sealed.frozenEndMs;
    this.#sealedSequence = Math.max(sealed.throughSequence(true), sealed.throughSequence(false));
  }

  /** Ids in memory. */
  get size(): number {
    return this.#timed.size + this.#arrived.size + (this.#frozen?.size ?? 0);
  }

  /** Ids whose time lies before this are refused. **Units**: milliseconds since the epoch. */
  get floorMs(): number {
    return this.#floorMs;
  }

  /** How far back ids are remembered now. **Units**: milliseconds. */
  get effectiveWindowMs(): number {
    return Math.max(0, this.#nowMs - this.#floorMs);
  }

  /** Room on the disk of sealed ids. */
  get diskBytes(): number {
    return this.#sealed?.fileBytes ?? 0;
  }

  /** Memory of the filters of sealed ids. */
  get filterBytes(): number {
    return this.#sealed?.filterBytes ?? 0;
  }

  /** Whether no more ids can be taken until some were sealed, or the clock has moved on. */
  isFull(): boolean {
    return this.#room <= 0;
  }

  /** The sequence remembered for an id, or 0. **Errors**: throws where a sealed bucket is damaged. */
  find(lanes: Uint32Array, at: number): number {
    const timeMs = uuidTimeMs(lanes, at);
    if (timeMs < 0) return this.#findArrived(lanes, at, this.#nowMs - this.#windowMs, Number.POSITIVE_INFINITY);
    return timeMs < this.#floorMs ? 0 : this.#findTimed(timeMs, lanes, at);
  }

  /** The sequence that an id led to, or 0: ids with a time at any age, for as long as their record is kept. */
  findAtAnyAge(lanes: Uint32Array, at: number): number {
    const timeMs = uuidTimeMs(lanes, at);
    return timeMs < 0 ? this.find(lanes, at) : this.#findTimed(timeMs, lanes, at);
  }

  /** Remembers an id that is not remembered yet. */
  remember(lanes: Uint32Array, at: number, sequence: number): void {
    const timeMs = uuidTimeMs(lanes, at);
    if (sequence > this.#newestSequence) this.#newestSequence = sequence;
    if (sequence <= this.#sealedSequence && this.#isSealed(this.#isByTime(timeMs), timeMs, lanes, at, sequence)) return;
    this.#room -= 1;
    if (!this.#isByTime(timeMs)) this.#arrived.add(this.#nowMs, lanes, at, sequence);
    else if (timeMs >= this.#floorMs || this.#sealed !== undefined) {
      this.#timed.add(Math.floor(timeMs / SECOND_MS), lanes, at, sequence);
    }
  }

  /** Moves an id that is remembered to a newer sequence; one that was forgotten meanwhile stays so. */
  move(lanes: Uint32Array, at: number, sequence: number): void {
    if (sequence > this.#newestSequence) this.#newestSequence = sequence;
    const timeMs = uuidTimeMs(lanes, at);
    // A record moves the row of its own kind, so that what a bucket says of records holds.
    const isMoved = this.#isByTime(timeMs)
      ? this.#timed.move(Math.floor(timeMs / SECOND_MS), lanes, at, sequence, this.#isCopying)
      : this.#arrived.move(lanes, at, sequence, this.#isCopying);
    if (isMoved) return;
    // A frozen or sealed row stays as it is: of several rows the one with the highest sequence counts.
    const known = this.#sealed === undefined ? 0 : this.findAtAnyAge(lanes, at);
    if (known !== 0 && known < sequence) this.remember(lanes, at, sequence);
  }

  /** Remembers an id, or moves it to a newer sequence. */
  put(lanes: Uint32Array, at: number, sequence: number): void {
    if (sequence > this.#newestSequence) this.#newestSequence = sequence;
    const timeMs = uuidTimeMs(lanes, at);
    const mayBeSealed = sequence <= this.#sealedSequence;
    if (mayBeSealed && this.#isSealed(this.#isByTime(timeMs), timeMs, lanes, at, sequence)) return;
    const known = this.findAtAnyAge(lanes, at);
    if (known === 0) this.remember(lanes, at, sequence);
    else if (known < sequence) this.move(lanes, at, sequence);
  }

  /** The journal has been read to its end. **Errors**: throws where sealed ids lead beyond it: the next start sets them aside. */
  endReplay(): void {
    if (!this.#isReplaying) return;
    if (this.#newestSequence < this.#sealedSequence) {
      throw new Error(
        `sealed ids lead to record ${this.#sealedSequence}, but the journal ends before it. Start again: they are then read from the journal.`,
      );
    }
    this.#isReplaying = false;
    this.#sealed?.repaired();
  }

  /**
   * Moves the clock to the time of the next frame, when all that is remembered is durable; seals or forgets what is due.
   *
   * **Errors**: as `endReplay`, at the first frame.
   */
  advance(nowMs: number): void {
    this.endReplay();
    this.#advance(nowMs);
  }

  /** The same for a frame that is read from the journal: nobody is held up, so it may wait for room in memory. */
  replay(nowMs: number): void {
    this.#advance(nowMs);
    while (this.#isHandedOver && this.size > this.#idsKeptMax) {
      this.#sealed?.wait(SEAL_WAIT_MS);
      this.#advance(nowMs);
    }
  }

  /** Sequence of the newest record that brought or moved an id. */
  get newestSequence(): number {
    return this.#newestSequence;
  }

  /** Clock of the newest frame. **Units**: milliseconds since the epoch. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Records from this one on have to be read for the ids of damaged buckets, or infinity. */
  get missingFrom(): number {
    return this.#sealed?.missingFrom(0) ?? Number.POSITIVE_INFINITY;
  }

  /** The same for the ids of the window, which must be known. */
  get missingInWindowFrom(): number {
    return this.#sealed?.missingFrom(this.#floorMs) ?? Number.POSITIVE_INFINITY;
  }

  /** Remembers an id of a damaged bucket again, from a record whose frame had a clock. */
  repair(clockMs: number, lanes: Uint32Array, at: number, sequence: number): void {
    const nowMs = this.#nowMs;
    this.#nowMs = clockMs;
    this.put(lanes, at, sequence);
    this.#nowMs = nowMs;
  }

  /** The rows in memory; until `endCopy` none of them changes. */
  beginCopy(): IdRows[] {
    this.#isCopying = true;
    const rows: IdRows[] = [];
    const frozen = this.#frozen;
    const { isByTime, fromMs } = frozen?.facts ?? { isByTime: true, fromMs: 0 };
    for (const map of frozen?.maps() ?? []) rows.push({ isByTime, startedMs: fromMs, rows: map.rows() });
    for (const map of this.#timed.maps()) rows.push({ isByTime: true, startedMs: 0, rows: map.rows() });
    for (const { startedMs, ids } of this.#arrived.generations()) {
      rows.push({ isByTime: false, startedMs, rows: ids.rows() });
    }
    return rows;
  }

  endCopy(): void {
    this.#isCopying = false;
  }

  adoptPosition(newestSequence: number, floorMs: number, nowMs: number): void {
    this.#newestSequence = newestSequence;
    this.#floorMs = Math.max(this.#floorMs, floorMs);
    this.#nowMs = nowMs;
  }

  /** Takes in rows of a snapshot, but for those that have been sealed since. */
  adopt({ isByTime, startedMs, rows }: IdRows): void {
    for (let at = 0; at < rows.length; at += ROW_LANES) {
      const sequence = rowSequence(rows, at);
      const timeMs = uuidTimeMs(rows, at);
      if (this.#isSealed(isByTime, timeMs, rows, at, sequence)) continue;
      // Of an id that was moved while rows were copied there are several.
      if (isByTime) {
        const key = Math.floor(timeMs / SECOND_MS);
        const known = this.#timed.get(key, rows, at);
        if (known === 0) this.#timed.add(key, rows, at, sequence);
        else if (known < sequence) this.#timed.move(key, rows, at, sequence, false);
      } else {
        const known = this.#arrived.get(rows, at);
        if (known === 0) this.#arrived.add(startedMs, rows, at, sequence);
        else if (known < sequence) this.#arrived.move(rows, at, sequence, false);
      }
    }
  }

  #advance(nowMs: number): void {
    this.#nowMs = Math.max(this.#nowMs, nowMs);
    const oldestKept = Math.floor((this.#nowMs - this.#windowMs) / SECOND_MS);
    this.#floorMs = Math.max(this.#floorMs, oldestKept * SECOND_MS);
    if (this.#sealed === undefined) {
      this.#forget(oldestKept);
      this.#room = this.#idsMax - this.size;
      return;
    }
    this.#sealed.cool(this.#nowMs - this.#windowMs);
    if (this.#frozen === undefined) this.#considerSealing(this.#sealed);
    else this.#goOnSealing(this.#frozen, this.#sealed);
    // A new bucket may have cost the oldest its place.
    this.#floorMs = Math.max(this.#floorMs, this.#sealed.floorMs);
    this.#room = this.#idsMax - this.size;
  }

  #findTimed(timeMs: number, lanes: Uint32Array, at: number): number {
    const key = Math.floor(timeMs / SECOND_MS);
    if (!this.#isByTime(timeMs)) {
      // What came late came after the time that makes it late, and, but for a link, before it was too old; it is newer than
      // what did not.
      const isLink = (lanes[at + 2] & RESERVED_VARIANT) === RESERVED_VARIANT;
      const untilMs = isLink ? Number.POSITIVE_INFINITY : timeMs + 2 * this.#windowMs;
      const late = this.#findArrived(lanes, at, timeMs + this.#lateMs, untilMs);
      if (late !== 0) return late;
    }
    const sequence = this.#timed.get(key, lanes, at);
    if (sequence !== 0 || timeMs >= this.#frozenEndMs) return sequence;
    const frozen = this.#frozen?.facts.isByTime ? this.#frozen.get(key, lanes, at) : 0;
    return frozen !== 0 ? frozen : (this.#sealed?.findByTime(lanes, at, timeMs) ?? 0);
  }

  #findArrived(lanes: Uint32Array, at: number, sinceMs: number, untilMs: number): number {
    const sequence = this.#arrived.size === 0 ? 0 : this.#arrived.get(lanes, at);
    if (sequence !== 0 || this.#sealed === undefined) return sequence;
    const frozen = this.#frozen;
    const known = frozen === undefined || frozen.facts.isByTime ? 0 : frozen.get(0, lanes, at);
    return known !== 0 ? known : this.#sealed.findByArrival(lanes, at, sinceMs, untilMs);
  }

  /** Whether an id that comes now is kept by the time inside it. */
  #isByTime(timeMs: number): boolean {
    return timeMs >= 0 && this.#nowMs - timeMs <= this.#lateMs;
  }

  /** Whether an id that a record brought was sealed before the start: then nothing is left to remember. */
  #isSealed(isByTime: boolean, timeMs: number, lanes: Uint32Array, at: number, sequence: number): boolean {
    const sealed = this.#sealed;
    if (sealed === undefined || sequence > sealed.throughSequence(isByTime)) return false;
    if (isByTime && timeMs >= sealed.endMs) return false;
    return !sealed.isMissing(isByTime, timeMs, sequence) || this.findAtAnyAge(lanes, at) >= sequence;
  }

  #considerSealing(sealed: SealedIds): void {
    const second = Math.floor(this.#nowMs / SECOND_MS);
    const isUrgent = this.size > (3 * this.#idsMax) / 4;
    if (second === this.#consideredSecond && !isUrgent) return;
    this.#consideredSecond = second;
    // Of what is read again, a bucket must not claim records that are still to come.
    if (this.#newestSequence < this.#sealedSequence || sealed.isRepairing) return;
    const isPressing = this.size > this.#idsMax / 2;
    const youngest = isUrgent ? Number.POSITIVE_INFINITY : second - (isPressing ? 2 : this.#settledMs / SECOND_MS);
    const ids = isPressing ? this.#bucketIds / 4 : this.#bucketIds;
    const overdueMs = this.#nowMs - this.#sealedAtMs;
    if (this.#timed.countThrough(youngest) >= ids || this.#timed.oldest * SECOND_MS < overdueMs) {
      this.#freezeTimed(youngest);
    } else if (this.#arrived.size >= ids || this.#arrived.oldestMs < overdueMs) {
      this.#freezeArrived(sealed.arrivedEndMs);
    }
  }

  #freezeTimed(youngest: number): void {
    // What lies before the end of the last bucket goes along, so that a bucket has all that comes before its end.
    const first = this.#frozenEndMs / SECOND_MS - 1;
    const seconds = this.#timed.takeOldest(this.#bucketIds, first, Math.max(first, youngest));
    const keys = [...seconds.keys()];
    const endMs = Math.max(this.#frozenEndMs, (keys[keys.length - 1] + 1) * SECOND_MS);
    const throughSequence = this.#newestSequence;
    const maps = [...seconds.values()].flatMap((second) => [...second.maps()]);
    this.#frozen = new FrozenIds(
      { isByTime: true, fromMs: keys[0] * SECOND_MS, endMs, throughSequence },
      maps,
      seconds,
    );
    this.#frozenEndMs = endMs;
  }

  #freezeArrived(endMsMin: number): void {
    const fromMs = this.#arrived.oldestMs;
    const throughSequence = this.#newestSequence;
    const maps = this.#arrived.takeAll();
    // The clock of a replay may lie before that of the frame at which the last bucket was sealed.
    const endMs = Math.max(this.#nowMs + 1, endMsMin);
    this.#frozen = new FrozenIds({ isByTime: false, fromMs, endMs, throughSequence }, maps);
  }

  #goOnSealing(frozen: FrozenIds, sealed: SealedIds): void {
    if (this.#isHandedOver) {
      if (!sealed.isSealed()) return;
      this.#frozen = undefined;
      this.#isHandedOver = false;
      this.#consideredSecond = 0;
      return;
    }
    // The last frame of a journal may turn out incomplete, and its records with it.
    if (this.#newestSequence === frozen.facts.throughSequence && !this.isFull()) return;
    const rows = frozen.copySome();
    if (rows === undefined) return;
    sealed.ask(frozen.facts, rows);
    this.#isHandedOver = true;
  }

  /** Forgets what is too old, and the oldest where there are too many. */
  #forget(oldestKept: number): void {
    while (this.#timed.oldest < oldestKept) this.#timed.forgetOldest();
    this.#arrived.forgetOlder(this.#nowMs, this.#windowMs);
    const youngest = Math.floor(this.#nowMs / SECOND_MS) - 1;
    while (this.size > this.#idsKeptMax) {
      const { oldest } = this.#timed;
      const isSecondOlder = this.#arrived.generationCount < 2 || oldest * SECOND_MS < this.#arrived.oldestMs;
      if (isSecondOlder && oldest < youngest) {
        this.#floorMs = Math.max(this.#floorMs, (oldest + 1) * SECOND_MS);
        this.#timed.forgetOldest();
      } else if (this.#arrived.generationCount > 1) {
        this.#arrived.forgetOldest();
      } else {
        break;
      }
    }
  }
}
