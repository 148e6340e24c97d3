import { genesisHash } from "../../engine/journal/frame.ts";
import type { ShardStateOptions } from "../../engine/shard/shard-state.ts";
import { ShardState } from "../../engine/shard/shard-state.ts";
import type { DrivenLedgerOptions } from "../driven-ledger.ts";
import { BASE_MS, SKEW_MS, walletsOf } from "../program-wallets.ts";
import { CALENDAR_TIME_ZONE } from "../reference-limits.ts";
import { LogJudge } from "./log-judge.ts";
import type { LogPlant } from "./log-plant.ts";
import type { Random } from "./random.ts";
import { LEDGER_ID } from "./recovery.ts";
import { type LogFate, SimulatedLog } from "./simulated-log.ts";
import type { Trace } from "./trace.ts";

/** How long a node may be silent. **Units**: milliseconds. */
export const SESSION_MS = 6_000;
/** Longer than any simulation, so that no id is ever too old. */
const WINDOW_MS = 3_600_000;

/** How likely each fault is, drawn from the seed: some seeds have many, some have none. */
interface LogWeather {
  readonly crash: number;
  readonly freeze: number;
  readonly cutOff: number;
  readonly brokerStops: number;
  readonly handOver: number;
  readonly losesRequest: number;
  readonly damagesFrame: number;
  readonly forgetsProducer: number;
}

const CALM: LogWeather = {
  crash: 0,
  freeze: 0,
  cutOff: 0,
  brokerStops: 0,
  handOver: 0,
  losesRequest: 0,
  damagesFrame: 0,
  forgetsProducer: 0,
};

/** Everything that outlives the nodes: time, the log, who was heard of, and who judges. */
export class LogWorld {
  readonly random: Random;
  readonly trace: Trace;
  readonly plant: LogPlant;
  readonly acks: "local" | "replicated";
  readonly nodeCount: number;
  readonly options: DrivenLedgerOptions & Omit<ShardStateOptions, "shard">;
  readonly log: SimulatedLog;
  readonly judge: LogJudge;
  /** The wallet that is striped, where one is. */
  readonly shop: string | undefined;
  /** By node: when the group last heard of it. */
  readonly heardMs = new Map<string, number>();
  nowMs = BASE_MS;
  weather = CALM;
  /** The newest claim, and since when it is known to stand. */
  claimed = { epoch: 0, sinceMs: 0 };
  readonly #storm: LogWeather;

  constructor(random: Random, trace: Trace, plant: LogPlant) {
    this.random = random;
    this.trace = trace;
    this.plant = plant;
    const shardCount = random.pick([1, 2, 2, 3]);
    this.acks = random.pick(["replicated", "replicated", "local"]);
    this.nodeCount = random.pick([2, 2, 3]);
    this.shop = shardCount > 1 && random.chance(0.4) ? walletsOf(0, shardCount)[0] : undefined;
    this.options = {
      shardCount,
      nowMs: () => this.nowMs,
      walletsPerShardMax: 64,
      calendarTimeZone: CALENDAR_TIME_ZONE,
      holdsPerShardMax: 1_024,
      idempotencyWindowMs: WINDOW_MS,
      idempotencyIdsMax: 10_000,
      idFutureSkewMs: SKEW_MS,
      openTransfersMax: 8,
    };
    const sometimes = (probability: number): number => (random.chance(0.6) ? probability : 0);
    this.#storm = {
      crash: sometimes(0.01),
      freeze: sometimes(0.012),
      cutOff: sometimes(0.006),
      brokerStops: sometimes(0.004),
      handOver: sometimes(0.006),
      losesRequest: sometimes(0.15),
      damagesFrame: sometimes(0.03),
      forgetsProducer: sometimes(0.12),
    };
    this.log = new SimulatedLog(shardCount, random, () => this.#fate());
    this.judge = new LogJudge(this.log, shardCount);
  }

  get shards(): readonly number[] {
    return Array.from({ length: this.options.shardCount }, (_, shard) => shard);
  }

  /** From now on faults happen. */
  brew(): void {
    this.weather = this.#storm;
  }

  /** From now on none do. */
  calm(): void {
    this.weather = CALM;
  }

  /** Lets time go by for those who watch. */
  pass(ms: number): void {
    this.nowMs += ms;
    const epoch = this.judge.newestEpoch;
    if (epoch > this.claimed.epoch) this.claimed = { epoch, sinceMs: this.nowMs };
  }

  emptyState(shard: number): ShardState {
    return new ShardState({ ...this.options, shard }, genesisHash(LEDGER_ID, shard));
  }

  #fate(): LogFate {
    const { random, weather } = this;
    return random.chance(weather.losesRequest) ? random.pick(["requestLost", "answerLost", "late"]) : "done";
  }
}
