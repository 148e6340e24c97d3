import type { ShardPort, TakeEntry } from "../engine/port/shard-port.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { ReplicationGate } from "./replication-gate.ts";
import type { Streams } from "./streams/streams.ts";
import type { Turn } from "./turn.ts";

/** Answers taken from one shard before the event loop gets its turn to read sockets. */
const ENTRIES_PER_ROUND = 4_096;

/**
 * Takes what the shards answered, and sends it on: one round per turn of the event loop while answers keep coming, none
 * while there are none. A shard whose port was told so wakes it up.
 */
export class DrainLoop {
  readonly #ports: readonly ShardPort[];
  readonly #take: TakeEntry;
  readonly #dispatcher: Dispatcher;
  readonly #gate: ReplicationGate | undefined;
  readonly #streams: Streams;
  readonly #turn: Turn;
  #isScheduled = false;
  #isStopped = false;

  /** Without a gate every answer is handed on at once. */
  constructor(
    ports: readonly ShardPort[],
    dispatcher: Dispatcher,
    streams: Streams,
    turn: Turn,
    gate?: ReplicationGate,
  ) {
    this.#ports = ports;
    this.#dispatcher = dispatcher;
    this.#gate = gate;
    this.#take = gate?.take ?? dispatcher.onEntry;
    this.#streams = streams;
    this.#turn = turn;
  }

  /** Called when a shard says that answers are waiting, and once at the start. */
  readonly wake = (): void => {
    if (!this.#isScheduled) this.#round();
  };

  stop(): void {
    this.#isStopped = true;
  }

  readonly #round = (): void => {
    this.#isScheduled = false;
    if (this.#isStopped) return;
    this.#dispatcher.beginAnswers();
    let drained = this.#gate?.beginRound() ?? 0;
    for (const port of this.#ports) drained += port.drain(this.#take, ENTRIES_PER_ROUND);
    if (drained > 0) {
      this.#streams.endTurn();
      this.#turn.end();
    }
    let isQuiet = drained === 0;
    // Every port is told, also after one had answers: a port that was not told would not wake the loop.
    if (isQuiet) for (const port of this.#ports) isQuiet = port.sleep() && isQuiet;
    if (isQuiet) return;
    this.#isScheduled = true;
    setImmediate(this.#round);
  };
}
