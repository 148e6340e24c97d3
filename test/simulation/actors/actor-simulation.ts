import type { Plant } from "../plant.ts";
import { Crash, DiskFailure, require, Violation } from "../rules.ts";
import { runToEnd, type SimulationResult } from "../run-to-end.ts";
import { Trace } from "../trace.ts";
import { ActorClients } from "./actor-clients.ts";
import { ActorLedger } from "./actor-ledger.ts";
import { ALL_WALLETS } from "./actor-wallets.ts";
import { ActorWorld } from "./actor-world.ts";
import { EXPIRY_S_MAX } from "./payment-model.ts";
import { TOP_UP_MS_MAX } from "./topup-model.ts";

const STEPS = 900;
/** Rounds in which everything that is under way must come to its end. */
const ROUNDS_MAX = 600;
const ROUND_MS = 10_000;
/** Some wallets stay frozen until sagas wait for an operator. */
const QUIET_ROUNDS_UNTIL_THAWED: readonly number[] = [5, 5, 70];
const REQUESTS_PER_TURN_MAX = 6;
const KEEPER_REQUESTS_MAX = 5;

const ACTIONS = {
  command: 14,
  move: 7,
  retry: 10,
  gateway: 40,
  shard: 60,
  deliver: 50,
  time: 7,
  copy: 10,
  keeper: 10,
  operate: 1,
  replay: 3,
} as const;
type Action = keyof typeof ACTIONS;

/** Runs payments, merchants, medical cards and their sagas from a seed to the end, or to the first rule violated. */
export function simulateActors(seed: number, plant: Plant = {}, print?: (line: string) => void): SimulationResult {
  const trace = new Trace(print);
  const end = plant.begin?.();
  try {
    return runToEnd(seed, trace, new ActorSimulation(seed, trace, plant));
  } finally {
    end?.();
  }
}

class ActorSimulation {
  crashes = 0;
  readonly #world: ActorWorld;
  readonly #trace: Trace;
  readonly #clients: ActorClients;
  /** Undefined while the process is down. */
  #ledger: ActorLedger | undefined;

  constructor(seed: number, trace: Trace, plant: Plant) {
    this.#trace = trace;
    this.#world = new ActorWorld(seed, trace, plant);
    this.#clients = new ActorClients(this.#world);
  }

  run(): void {
    this.#world.host.run(() => {
      for (const opening of ["open", "fund", "pay"] as const) {
        this.#clients[opening](this.#running());
        this.#settle();
      }
      this.#world.brew();
      for (let step = 0; step < STEPS; step += 1) {
        this.#trace.step += 1;
        if (this.#world.random.chance(this.#world.weather.crash)) this.#crash("the process is killed");
        this.#act(this.#world.random.weighted(ACTIONS));
      }
      this.#trace.step += 1;
      this.#finish();
    });
  }

  #act(action: Action): void {
    const { random, host, shards, network, weather } = this.#world;
    const ledger = this.#running();
    switch (action) {
      case "command":
      case "move":
      case "retry":
        this.#clients[action](ledger);
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
      case "time":
        host.pass(random.pick([1, 20, 300, 1_500, 4_000, 20_000, 60_000]));
        break;
      case "copy":
        ledger.copy(random.pick(shards));
        break;
      case "keeper":
        this.#keep(ledger, random.pick(shards), random.chance(weather.snapshotFails));
        break;
      case "operate":
        this.#clients.operate(ledger);
        break;
      case "replay":
        ledger.compareReplay(random.pick(shards));
        break;
    }
  }

  /** The process, started if it is down. */
  #running(): ActorLedger {
    while (this.#ledger === undefined) {
      this.#world.isStarting = true;
      try {
        this.#ledger = new ActorLedger(this.#world);
        this.#trace.add(`the ledger has started at ${this.#world.states.map(({ sequence }) => sequence).join(", ")}`);
      } catch (error) {
        if (error instanceof Crash || error instanceof DiskFailure) this.#trace.add(error.message);
        else throw error instanceof Violation ? error : new Violation("startsAgain", String(error));
      }
      this.#world.isStarting = false;
    }
    return this.#ledger;
  }

  #turn(ledger: ActorLedger, shard: number, requestsMax: number): void {
    try {
      ledger.turn(shard, requestsMax);
      this.#trace.add(`shard ${shard} commits up to ${ledger.state(shard).sequence}`);
    } catch (error) {
      if (!(error instanceof Crash) && !(error instanceof DiskFailure)) throw error;
      this.#crash(`shard ${shard}: ${error.message}`);
    }
  }

  #keep(ledger: ActorLedger, shard: number, isDiskFull: boolean): void {
    for (let requests = this.#world.random.between(1, KEEPER_REQUESTS_MAX); requests > 0; requests -= 1) {
      const what = ledger.keep(shard, isDiskFull);
      if (what !== undefined) this.#trace.add(`the keeper of shard ${shard} ${what}`);
    }
  }

  #deliver(ledger: ActorLedger, mayOvertake: boolean, keeps: boolean): void {
    const { network, random } = this.#world;
    const { number, message } = network.next(random, mayOvertake, keeps);
    this.#trace.add(`message ${number} from shard ${message.fromShard} reaches shard ${message.toShard}`);
    ledger.deliver(message);
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

  /** Lets everything under way come to its end. */
  #settle(): void {
    const { host, shards, network } = this.#world;
    let quiet = 0;
    const thawedAfter = this.#world.random.pick(QUIET_ROUNDS_UNTIL_THAWED);
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      const ledger = this.#running();
      host.turn();
      for (const shard of shards) {
        ledger.copy(shard);
        this.#keep(ledger, shard, false);
        if (ledger.isBusy(shard)) this.#turn(ledger, shard, REQUESTS_PER_TURN_MAX);
      }
      while (network.size > 0) this.#deliver(ledger, false, false);
      if (host.isBusy() || shards.some((shard) => ledger.isBusy(shard))) continue;
      const open = shards.reduce((sum, shard) => sum + ledger.state(shard).actors.openCount, 0);
      if (this.#clients.unanswered === 0 && open === 0) return;
      host.pass(ROUND_MS);
      quiet += 1;
      // A wallet may have been frozen by a command that was late.
      if (quiet % thawedAfter === 0) this.#clients.thaw(ledger);
      this.#clients.operate(ledger);
      this.#clients.retryAll(ledger);
    }
    throw new Violation(
      "comesToAnswer",
      `${this.#clients.unanswered} commands have no answer after ${ROUNDS_MAX} rounds`,
    );
  }

  /** No more faults: everything is answered, everything adds up, and a last restart changes nothing. */
  #finish(): void {
    const { shards } = this.#world;
    this.#trace.add("the faults are over");
    this.#world.calm();
    this.#settle();
    // Whatever still waits for its time is due now.
    this.#world.host.pass(Math.max(EXPIRY_S_MAX * 1_000, TOP_UP_MS_MAX));
    this.#settle();
    this.#checkMoney();
    for (const shard of shards) this.#running().compareReplay(shard);
    this.#crash("the process is killed for the last time");
    this.#clients.retryAll(this.#running(), true);
    this.#settle();
    this.#checkMoney();
    for (const shard of shards) this.#running().compareReplay(shard);
  }

  /** With nothing under way, each wallet has and holds what the actors, and the clients' own movements, come to. */
  #checkMoney(): void {
    const expected = new Map(ALL_WALLETS.map((walletId) => [walletId, { postedMinor: 0, heldMinor: 0 }]));
    const add = (walletId: string, postedMinor: number, heldMinor: number): void => {
      const wallet = expected.get(walletId);
      if (wallet === undefined) throw new Error(`there is no wallet ${walletId}`);
      wallet.postedMinor += postedMinor;
      wallet.heldMinor += heldMinor;
    };
    this.#clients.money(add);
    for (const model of this.#world.judge.models.values()) model.money(add);
    for (const [walletId, { postedMinor, heldMinor }] of expected) {
      const { wallets, slot } = this.#wallet(walletId);
      const [posted, held] = [wallets.postedMinor[slot], wallets.heldMinor[slot]];
      require("paidOnce", posted === postedMinor && held === heldMinor, () =>
        `wallet ${walletId} has ${posted} and holds ${held}, and should have ${postedMinor} and hold ${heldMinor}`);
    }
    this.#world.judge.requireDone(this.#world.host.wallMs);
    for (const { transfers } of this.#world.states) {
      require("transit", transfers.size === 0, () => `${transfers.size} transfers are open`);
    }
  }

  #wallet(walletId: string): { readonly wallets: ActorWorld["states"][number]["wallets"]; readonly slot: number } {
    for (const state of this.#world.states) {
      const slot = state.findWallet(walletId);
      if (slot >= 0) return { wallets: state.wallets, slot };
    }
    throw new Violation("paidOnce", `wallet ${walletId} is nowhere`);
  }
}
