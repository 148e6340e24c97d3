import type { ShardState, ShardStateOptions } from "../../engine/shard/shard-state.ts";
import type { DrivenLedgerOptions } from "../driven-ledger.ts";
import { idLanes } from "../engine-harness.ts";
import { BASE_MS, SKEW_MS, WINDOW_MS, walletsOf } from "../program-wallets.ts";
import { ReferenceLedger } from "../reference-ledger.ts";
import { CALENDAR_TIME_ZONE } from "../reference-limits.ts";
import { Auditor } from "./auditor.ts";
import { SimulatedHost } from "./host.ts";
import { type Fate, SimulatedJournal } from "./journal.ts";
import { Network } from "./network.ts";
import type { Plant } from "./plant.ts";
import { Random } from "./random.ts";
import { Crash } from "./rules.ts";
import { SealedIdDisk } from "./sealed-id-disk.ts";
import { SnapshotDisk } from "./snapshot-disk.ts";
import type { Trace } from "./trace.ts";

export type LedgerOptions = DrivenLedgerOptions & Omit<ShardStateOptions, "shard">;

/** How likely each fault is, drawn from the seed: some seeds have many, some have none. */
export interface Weather {
  readonly crash: number;
  readonly disk: number;
  readonly slowSync: number;
  readonly interruptedRecovery: number;
  readonly damage: number;
  readonly overtaking: number;
  readonly duplicate: number;
  readonly clockJump: number;
  readonly decay: number;
  readonly snapshotFails: number;
}

const CALM: Weather = {
  crash: 0,
  disk: 0,
  slowSync: 0,
  interruptedRecovery: 0,
  damage: 0,
  overtaking: 0,
  duplicate: 0,
  clockJump: 0,
  decay: 0,
  snapshotFails: 0,
};

/** So few that the window gets shorter, and enough for what comes in two seconds of a simulation. */
const FEW_IDS = 100;
/** Few enough that a bucket fills within a run, and more than a run brings, so that memory is never full. */
const SEALED_IDS_MAX = 240;
const SLOW_SYNC_MS = 1_500;
/** In the calendar of limits: before another day, and before another month. */
const SHORTLY_BEFORE_MIDNIGHT_MS: readonly number[] = [
  Date.parse("2023-11-16T23:59:45+02:00"),
  Date.parse("2023-11-30T23:59:45+02:00"),
];

/** Everything that outlives the ledger's process: time, disks, what was sent, and those who watch. */
export class World {
  readonly random: Random;
  readonly trace: Trace;
  readonly plant: Plant;
  readonly options: LedgerOptions;
  readonly host: SimulatedHost;
  /** Whether some wallets have limits. */
  readonly hasLimits: boolean;
  /** Where settled ids are sealed, by shard; undefined where they stay in memory. */
  readonly sealedIds: readonly SealedIdDisk[] | undefined;
  /** How much faster time passes: ids have to settle before they are sealed, and some windows may pass. */
  readonly haste: number;
  /** The wallet that is striped, where one is. */
  readonly shop: string | undefined;
  readonly network = new Network();
  readonly auditor: Auditor;
  readonly reference: ReferenceLedger;
  readonly journals: readonly SimulatedJournal[];
  readonly snapshots: readonly SnapshotDisk[];
  /** Frames between two snapshots of a shard. */
  readonly snapshotFrames: number;
  /** Of the running process. */
  states: readonly ShardState[] = [];
  weather = CALM;
  /** Whether recovery runs, and may be interrupted. */
  isStarting = false;
  readonly #storm: Weather;
  readonly #ids: Uint32Array[] = [];

  constructor(seed: number, trace: Trace, plant: Plant) {
    const random = new Random(seed);
    this.random = random;
    this.trace = trace;
    this.plant = plant;
    const shardCount = random.pick([1, 2, 2, 3]);
    this.hasLimits = random.chance(0.4);
    this.shop = shardCount > 1 && random.chance(0.5) ? walletsOf(0, shardCount)[0] : undefined;
    this.host = new SimulatedHost(this.hasLimits ? random.pick(SHORTLY_BEFORE_MIDNIGHT_MS) : BASE_MS);
    this.snapshotFrames = random.pick([0, 3, 3, 8]);
    // Ids that are forgotten because they are too many are those in memory, which after a snapshot are fewer.
    const sealsIds = random.chance(0.4);
    this.haste = sealsIds ? random.pick([1, 4]) : 1;
    const idempotencyIdsMax = sealsIds
      ? SEALED_IDS_MAX
      : this.snapshotFrames === 0
        ? random.pick([FEW_IDS, 1_000])
        : 1_000;
    this.options = {
      shardCount,
      nowMs: () => this.host.wallMs,
      walletsPerShardMax: 64,
      calendarTimeZone: CALENDAR_TIME_ZONE,
      holdsPerShardMax: 1_024,
      idempotencyWindowMs: WINDOW_MS,
      idempotencyIdsMax,
      idFutureSkewMs: SKEW_MS,
      openTransfersMax: random.pick([2, 8]),
    };
    const sometimes = (probability: number): number => (random.chance(0.6) ? probability : 0);
    this.#storm = {
      crash: sometimes(0.02),
      disk: sometimes(0.03),
      slowSync: sometimes(0.03),
      interruptedRecovery: sometimes(0.03),
      damage: sometimes(0.004),
      overtaking: sometimes(0.5),
      duplicate: sometimes(0.3),
      // A shard whose memory for ids is full waits for its clock, which then must not go back.
      decay: sometimes(0.03),
      snapshotFails: sometimes(0.05),
      clockJump: this.remembersFew ? 0 : sometimes(0.01),
    };
    this.auditor = new Auditor(shardCount);
    this.reference = new ReferenceLedger(this.options, (shard) => ({
      nowMs: Math.max(this.states[shard].clockMs, this.host.wallMs),
      floorMs: this.states[shard].ids.floorMs,
      findsAtAnyAge: this.sealedIds !== undefined,
    }));
    const flaws = plant.flaws ?? {};
    const hooks = {
      random,
      fate: () => this.#fate(),
      durable: (shard: number, frame: Uint8Array) => this.auditor.take(shard, frame),
      interrupt: () => {
        if (this.isStarting && random.chance(this.weather.interruptedRecovery))
          throw new Crash("recovery is interrupted");
      },
    };
    this.journals = Array.from({ length: shardCount }, (_, shard) => new SimulatedJournal(shard, hooks, flaws));
    this.sealedIds = sealsIds ? this.journals.map(({ shard }) => new SealedIdDisk(shard, flaws)) : undefined;
    this.snapshots = this.journals.map((journal) => new SnapshotDisk(journal, flaws));
  }

  /** Whether ids are forgotten before their time. */
  get remembersFew(): boolean {
    return this.options.idempotencyIdsMax === FEW_IDS;
  }

  get shards(): readonly number[] {
    return [...this.journals.keys()];
  }

  /** From now on faults happen. */
  brew(): void {
    this.weather = this.#storm;
  }

  /** From now on none do. */
  calm(): void {
    this.weather = CALM;
  }

  /** Notes an id that a client used. */
  noteId(id: string): void {
    this.#ids.push(idLanes(id));
  }

  /** Every command id that was ever used. */
  readonly sentIds = (): readonly Uint32Array[] => this.#ids;

  #fate(): Fate {
    const { random, weather } = this;
    if (random.chance(weather.slowSync)) this.host.pass(random.below(SLOW_SYNC_MS));
    if (!random.chance(weather.disk)) return "durable";
    return random.pick(["refused", "lost", "unacknowledged", "torn", "flipped"]);
  }
}
