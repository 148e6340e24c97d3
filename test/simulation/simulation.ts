import { Clients } from "./clients.ts";
import type { Plant } from "./plant.ts";
import { Crash, DiskFailure, Violation } from "./rules.ts";
import { runToEnd, type SimulationResult } from "./run-to-end.ts";
import { RunningLedger } from "./running-ledger.ts";
import { StreamReader } from "./stream-reader.ts";
import { Trace } from "./trace.ts";
import { World } from "./world.ts";

const STEPS = 220;
/** Rounds in which everything that is under way must come to its end. */
const ROUNDS_MAX = 400;
const REQUESTS_PER_TURN_MAX = 6;
const KEEPER_REQUESTS_MAX = 5;

const ACTIONS = {
  send: 20,
  retry: 6,
  gateway: 22,
  shard: 30,
  deliver: 18,
  time: 8,
  copy: 14,
  keeper: 14,
  read: 3,
  stream: 1,
  replay: 1,
} as const;
type Action = keyof typeof ACTIONS;

/** Runs the simulation of a seed from its beginning to its end, or to the first rule violated. */
export function simulate(seed: number, plant: Plant = {}, print?: (line: string) => void): SimulationResult {
  const trace = new Trace(print);
  return runToEnd(seed, trace, new Simulation(seed, trace, plant));
}

class Simulation {
  crashes = 0;
  readonly #world: World;
  readonly #trace: Trace;
  readonly #clients: Clients;
  readonly #reader: StreamReader;
  /** Undefined while the process is down. */
  #ledger: RunningLedger | undefined;

  constructor(seed: number, trace: Trace, plant: Plant) {
    this.#trace = trace;
    this.#world = new World(seed, trace, plant);
    this.#clients = new Clients(this.#world);
    this.#reader = new StreamReader(this.#world);
  }

  run(): void {
    this.#world.host.run(() => {
      this.#clients.open(this.#running());
      this.#settle();
      this.#world.brew();
      for (let step = 0; step < STEPS; step += 1) {
        this.#trace.step += 1;
        this.#step();
      }
      this.#trace.step += 1;
      this.#finish();
    });
  }

  #step(): void {
    const { random, weather, host, remembersFew } = this.#world;
    if (remembersFew) host.pass(200);
    if (random.chance(weather.crash)) this.#crash("the process is killed");
    if (random.chance(weather.damage)) this.#damage();
    if (random.chance(weather.decay)) {
      const shard = random.pick(this.#world.shards);
      const sequence = this.#world.snapshots[shard].decay(random);
      if (sequence !== undefined) this.#crash(`the snapshot at ${shard}:${sequence} decays, and the process is killed`);
    }
    if (random.chance(weather.clockJump)) {
      const ms = random.between(-20_000, 70_000);
      this.#trace.add(`the clock jumps by ${ms} ms`);
      host.wallMs += ms;
    }
    this.#act(random.weighted(ACTIONS));
  }

  #act(action: Action): void {
    const { random, host, shards, network, weather } = this.#world;
    const ledger = this.#running();
    switch (action) {
      case "send":
        this.#clients.send(ledger);
        break;
      case "retry":
        this.#clients.retry(ledger);
        break;
      case "gateway":
        host.turn();
        break;
      case "shard": {
        const busy = shards.filter((shard) => ledger.isBusy(shard));
        if (busy.length > 0) this.#turn(ledger, random.pick(busy), random.between(1, REQUESTS_PER_TURN_MAX));
        break;
      }
      case "deliver":
        if (network.size > 0)
          this.#deliver(ledger, random.chance(weather.overtaking), random.chance(weather.duplicate));
        break;
      case "copy":
        ledger.copy(random.pick(shards));
        break;
      case "keeper":
        this.#keep(ledger, random.pick(shards), random.chance(weather.snapshotFails));
        break;
      case "time":
        host.pass(this.#world.haste * random.pick([1, 1, 20, 20, 300, 300, 1_500, 1_500, 4_000, 20_000]));
        break;
      case "read":
        this.#clients.read(ledger);
        break;
      case "stream":
        this.#reader.toggle();
        break;
      case "replay":
        ledger.compareReplay(random.pick(shards));
        break;
    }
  }

  /** The process, started if it is down. */
  #running(): RunningLedger {
    while (this.#ledger === undefined) {
      this.#world.isStarting = true;
      try {
        this.#ledger = new RunningLedger(this.#world);
      } catch (error) {
        if (!(error instanceof Crash))
          throw error instanceof Violation ? error : new Violation("startsAgain", String(error));
        this.#trace.add(error.message);
      }
      this.#world.isStarting = false;
    }
    if (!this.#ledger.isIntroduced) {
      this.#ledger.isIntroduced = true;
      this.#trace.add(`the ledger has started at ${this.#world.states.map(({ sequence }) => sequence).join(", ")}`);
      this.#clients.checkAcknowledged(this.#ledger);
      this.#reader.connect(this.#ledger);
    }
    return this.#ledger;
  }

  #turn(ledger: RunningLedger, shard: number, requestsMax: number): void {
    try {
      ledger.turn(shard, requestsMax);
      this.#trace.add(`shard ${shard} commits up to ${ledger.state(shard).sequence}`);
    } catch (error) {
      if (!(error instanceof Crash) && !(error instanceof DiskFailure)) throw error;
      this.#crash(`shard ${shard}: ${error.message}`);
    }
  }

  #keep(ledger: RunningLedger, shard: number, isDiskFull: boolean): void {
    for (let requests = this.#world.random.between(1, KEEPER_REQUESTS_MAX); requests > 0; requests -= 1) {
      const what = ledger.keep(shard, isDiskFull);
      if (what !== undefined) this.#trace.add(`the keeper of shard ${shard} ${what}`);
    }
  }

  #deliver(ledger: RunningLedger, mayOvertake: boolean, keeps: boolean): void {
    const { network, random } = this.#world;
    const { number, message } = network.next(random, mayOvertake, keeps);
    this.#trace.add(
      `message ${number} from shard ${message.fromShard} reaches shard ${message.toShard}${keeps ? ", and will once more" : ""}`,
    );
    if (!ledger.deliver(message)) throw new Error("the ring between two shards is too small for the simulation");
  }

  #crash(why: string): void {
    const { host, network, journals } = this.#world;
    this.#trace.add(why);
    this.#ledger?.crash();
    for (const journal of journals) journal.crash();
    this.crashes += 1;
    this.#ledger = undefined;
    host.forget();
    network.clear();
  }

  /** A frame decays on the disk: the next start must refuse and name it; then it is put right. */
  #damage(): void {
    const { journals, snapshots, random } = this.#world;
    const journal = random.pick(journals);
    // What a snapshot stands for is not read at a start.
    const damage = journal.damage(snapshots[journal.shard].usable?.header.sequence ?? 0);
    if (damage === undefined) return;
    const { key, repair } = damage;
    this.#crash(`the frame at ${journal.shard}:${key} decays, and the process is killed`);
    try {
      this.#running();
    } catch (error) {
      if (!(error instanceof Violation) || !error.message.includes(`${journal.shard}:${key} `)) throw error;
      this.#trace.add("the start is refused");
      repair();
      return;
    } finally {
      this.#world.isStarting = false;
    }
    throw new Violation("startsAgain", `the ledger starts although the frame at ${journal.shard}:${key} is damaged`);
  }

  /** Lets everything under way come to its end. */
  #settle(): void {
    const { host, shards, network } = this.#world;
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      const ledger = this.#running();
      host.pass(1);
      host.turn();
      for (const shard of shards) {
        ledger.copy(shard);
        this.#keep(ledger, shard, false);
      }
      for (const shard of shards) if (ledger.isBusy(shard)) this.#turn(ledger, shard, REQUESTS_PER_TURN_MAX);
      while (network.size > 0) this.#deliver(ledger, false, false);
      const isQuiet = !host.isBusy() && !shards.some((shard) => ledger.isBusy(shard));
      if (isQuiet) {
        if (this.#clients.unanswered === 0) return;
        this.#clients.retryAll(ledger);
      }
    }
    throw new Violation(
      "comesToAnswer",
      `${this.#clients.unanswered} messages have no answer after ${ROUNDS_MAX} rounds`,
    );
  }

  /** No more faults: everything is answered, everything adds up, and a last restart changes nothing. */
  #finish(): void {
    const { shards } = this.#world;
    this.#trace.add("the faults are over");
    this.#world.calm();
    this.#settle();
    this.#checkTransit();
    this.#clients.readTotal(this.#running());
    this.#settle();
    for (const shard of shards) this.#running().compareReplay(shard);
    this.#crash("the process is killed for the last time");
    this.#clients.retryAll(this.#running(), true);
    this.#settle();
    this.#checkTransit();
    for (const shard of shards) this.#running().compareReplay(shard);
  }

  #checkTransit(): void {
    const left = this.#world.shards.map((shard) => this.#running().inTransit(shard));
    const sum = left.flat().reduce((total, { minor }) => total + minor, 0);
    const open = this.#world.states.map(({ transfers }) => transfers.size);
    if (open.every((count) => count === 0) && sum === 0) return;
    throw new Violation("transit", `${open.join(", ")} transfers are open, and ${sum} is in transit`);
  }
}
