import type { PeerMessage } from "../../../engine/port/peer-message.ts";
import type { ShardState } from "../../../engine/shard/shard-state.ts";
import { BASE_MS, SKEW_MS } from "../../program-wallets.ts";
import { CALENDAR_TIME_ZONE } from "../../reference-limits.ts";
import { Auditor } from "../auditor.ts";
import { SimulatedHost } from "../host.ts";
import { type Fate, SimulatedJournal } from "../journal.ts";
import { Network } from "../network.ts";
import type { Plant } from "../plant.ts";
import { Random } from "../random.ts";
import { Crash } from "../rules.ts";
import { SnapshotDisk } from "../snapshot-disk.ts";
import type { Trace } from "../trace.ts";
import type { LedgerOptions } from "../world.ts";
import { ActorJudge } from "./actor-judge.ts";

/** A message from one shard to another, or to itself. */
export interface ActorMessage extends PeerMessage {
  readonly fromShard: number;
  readonly toShard: number;
}

/** How likely each fault is, drawn from the seed. */
interface Weather {
  readonly crash: number;
  readonly disk: number;
  readonly interruptedRecovery: number;
  readonly overtaking: number;
  readonly duplicate: number;
  readonly snapshotFails: number;
}

const CALM: Weather = {
  crash: 0,
  disk: 0,
  interruptedRecovery: 0,
  overtaking: 0,
  duplicate: 0,
  snapshotFails: 0,
};

/** Some seeds begin before a month ends in the calendar of the cards, some before a week of the merchants' does. */
const SHORTLY_BEFORE_A_MONTH_MS = Date.parse("2023-11-30T23:58:00+02:00");
const SHORTLY_BEFORE_A_WEEK_MS = Date.parse("2023-11-19T23:58:00+02:00");
/** What waits for an operator is asked again under its old id, which must still be remembered. */
const WINDOW_MS = 12 * 3_600_000;

/** Everything of a ledger of actors that outlives its process, and those who watch. */
export class ActorWorld {
  readonly random: Random;
  readonly trace: Trace;
  readonly plant: Plant;
  readonly options: LedgerOptions;
  readonly host: SimulatedHost;
  readonly network = new Network<ActorMessage>();
  readonly auditor: Auditor;
  readonly judge: ActorJudge;
  readonly journals: readonly SimulatedJournal[];
  readonly snapshots: readonly SnapshotDisk[];
  readonly sealedIds = undefined;
  /** Frames between two snapshots of a shard. */
  readonly snapshotFrames: number;
  /** Of the running process. */
  states: readonly ShardState[] = [];
  weather = CALM;
  /** Whether recovery runs, and may be interrupted. */
  isStarting = false;
  readonly #storm: Weather;

  constructor(seed: number, trace: Trace, plant: Plant) {
    const random = new Random(seed);
    this.random = random;
    this.trace = trace;
    this.plant = plant;
    const shardCount = random.pick([1, 2, 2, 3]);
    this.host = new SimulatedHost(random.pick([SHORTLY_BEFORE_A_MONTH_MS, SHORTLY_BEFORE_A_WEEK_MS, BASE_MS]));
    this.snapshotFrames = random.pick([0, 3, 8, 20]);
    const inMemoryMax = random.pick([1, 3, 1_000]);
    this.options = {
      shardCount,
      nowMs: () => this.host.wallMs,
      walletsPerShardMax: 64,
      calendarTimeZone: CALENDAR_TIME_ZONE,
      holdsPerShardMax: 64,
      actorsPerShardMax: 32,
      /** A store of its own for each state, since the getter is read for each. */
      get actorMemory() {
        return { inMemoryMax, away: new AwayInMemory() };
      },
      idempotencyWindowMs: WINDOW_MS,
      idempotencyIdsMax: 20_000,
      idFutureSkewMs: SKEW_MS,
      openTransfersMax: random.pick([2, 8]),
    };
    const sometimes = (probability: number): number => (random.chance(0.7) ? probability : 0);
    this.#storm = {
      crash: sometimes(0.01),
      disk: sometimes(0.01),
      interruptedRecovery: sometimes(0.02),
      overtaking: sometimes(0.5),
      duplicate: sometimes(0.3),
      snapshotFails: sometimes(0.05),
    };
    this.auditor = new Auditor(shardCount);
    this.judge = new ActorJudge();
    const flaws = plant.flaws ?? {};
    const hooks = {
      random,
      fate: () => this.#fate(),
      durable: (shard: number, frame: Uint8Array) => {
        this.auditor.take(shard, frame);
        this.judge.take(shard, frame);
      },
      interrupt: () => {
        if (this.isStarting && random.chance(this.weather.interruptedRecovery))
          throw new Crash("recovery is interrupted");
      },
    };
    this.journals = Array.from({ length: shardCount }, (_, shard) => new SimulatedJournal(shard, hooks, flaws));
    this.snapshots = this.journals.map((journal) => new SnapshotDisk(journal, flaws));
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

  #fate(): Fate {
    const { random, weather } = this;
    return random.chance(weather.disk)
      ? random.pick(["refused", "lost", "unacknowledged", "torn", "flipped"])
      : "durable";
  }
}

/** Actors that have left the memory of a shard, in that of the simulation. */
class AwayInMemory {
  readonly #rows = new Map<number, Uint8Array>();

  put(rows: readonly (readonly [row: number, bytes: Uint8Array])[]): void {
    for (const [row, bytes] of rows) this.#rows.set(row, bytes.slice());
  }

  get(row: number): Uint8Array {
    const bytes = this.#rows.get(row);
    if (bytes === undefined) throw new Error(`actor ${row} has left memory and is nowhere`);
    return bytes;
  }
}
