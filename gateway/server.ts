import { App, type TemplatedApp } from "uWebSockets.js";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import type { Engine } from "../engine/engine.ts";
import { HistoryIncompleteError } from "../engine/history-incomplete.ts";
import { startEngine } from "../engine/start-engine.ts";
import { HTTP_BODY_BYTES_MAX } from "../protocol/limits.ts";
import type { EventRelayWorker } from "../replicator/events/relay-worker.ts";
import { Access, type BootstrapResult } from "./access.ts";
import { AccessFollower } from "./access-follower.ts";
import type { Config } from "./config.ts";
import { CLOSE, type Socket, type SocketData } from "./connection.ts";
import type { GatewayContext } from "./context.ts";
import { Counters } from "./counters.ts";
import { lockDataDir } from "./data-lock.ts";
import { DiskWatch } from "./disk-watch.ts";
import { Dispatcher } from "./dispatcher.ts";
import { Door, openFilesMax } from "./door.ts";
import { DrainLoop } from "./drain-loop.ts";
import { startEventRelay } from "./event-relay.ts";
import { LimitedLines } from "./limited-lines.ts";
import { listen } from "./listen.ts";
import { LogLag } from "./log-lag.ts";
import { LogPositions } from "./log-positions.ts";
import { NodeRole } from "./node-role.ts";
import { Pace } from "./pace.ts";
import type { People } from "./people/people.ts";
import { startPeople } from "./people/start-people.ts";
import { type Providers, startProviders } from "./providers/start-providers.ts";
import { type Unreadiness, unreadiness } from "./readiness.ts";
import { RefusalLog } from "./refusal-log.ts";
import type { Replication, ReplicationDriver } from "./replication.ts";
import { ReplicationGate } from "./replication-gate.ts";
import { registerRest } from "./rest/routes.ts";
import { SeedOffers } from "./seed/seed-offers.ts";
import { SelfWatch } from "./self-watch.ts";
import { SocketRounds } from "./socket-rounds.ts";
import { upgrade } from "./socket-upgrade.ts";
import { StartError } from "./start-error.ts";
import { Rates } from "./status/rates.ts";
import { RecentLines } from "./status/recent-lines.ts";
import { Streams } from "./streams/streams.ts";
import { startTracer } from "./tracing/start-tracer.ts";
import type { Tracer } from "./tracing/tracer.ts";
import { Turn } from "./turn.ts";

const STOP_POLL_MS = 5;
/** Upgrades in one turn of the event loop: each brings some fifty microseconds of its own, and then its subscriptions. */
const UPGRADES_PER_TURN = 8;
const UPGRADES_WAITING_MAX = 65_536;
/** The longest timeout that uWebSockets.js knows. */
const SOCKET_TIMEOUT_SECONDS_MAX = 960;

/** A ledger that serves. */
export interface RunningServer {
  readonly port: number;
  readonly shardCount: number;
  readonly adminKey: BootstrapResult;
  /** Resolves when another node has taken over: this one shows nothing more, and has to be started again to follow. */
  readonly steppedDown: Promise<void>;
  /** Stops taking requests, answers those in flight, syncs, and ends every connection and thread. */
  stop(): Promise<void>;
}

/**
 * Starts a ledger with everything it needs, and resolves when it serves.
 *
 * `onFailure` is called when a shard cannot go on; nothing more is acknowledged then, and the process should end.
 * `replication` brings the journal into the log, where brokers are configured. `recentLines` are those of the log.
 * **Errors**: rejects with a `StartError`; everything that was started is stopped again.
 */
export async function startServer(
  config: Config,
  log: Logger,
  onFailure: (message: string) => void,
  replication?: ReplicationDriver,
  recentLines: RecentLines = new RecentLines(),
): Promise<RunningServer> {
  const lock = await lockDataDir(config.dataDir);
  let engine: Engine | undefined;
  try {
    let wake = (): void => {};
    let hasFailed = false;
    const joined = await replication?.join(config, log);
    engine = await startEngine(
      { ...config, role: replication === undefined ? "leader" : "standby" },
      {
        log: (level, fact, fields) => log[level](fields, fact),
        onWake: () => wake(),
        onFailure: ({ shard, message }) => {
          hasFailed = true;
          onFailure(`shard ${shard} stopped: ${message}`);
        },
      },
    ).catch((error: unknown) => {
      const code = error instanceof HistoryIncompleteError ? "history_incomplete" : "engine_failed";
      throw new StartError(code, error instanceof Error ? error.message : String(error), { cause: error });
    });
    const server = new Server(config, log, engine, () => hasFailed, replication !== undefined, recentLines);
    wake = server.drainLoop.wake;
    await server.open(replication && { driver: replication, isInLog: joined?.isInLog === true }, (message) => {
      hasFailed = true;
      onFailure(message);
    });
    return {
      port: server.port,
      shardCount: engine.shardCount,
      adminKey: server.adminKey,
      steppedDown: server.steppedDown,
      stop: async () => {
        await server.stop();
        lock.release();
      },
    };
  } catch (error) {
    await engine?.stop();
    lock.release();
    throw error;
  }
}

/** How a ledger is replicated that may follow the log now. */
interface JoinedReplication {
  readonly driver: ReplicationDriver;
  readonly isInLog: boolean;
}

class Server {
  readonly drainLoop: DrainLoop;
  port = 0;
  adminKey: BootstrapResult = { kind: "configured" };
  readonly steppedDown: Promise<void>;
  readonly #config: Config;
  readonly #log: Logger;
  readonly #engine: Engine;
  readonly #hasFailed: () => boolean;
  readonly #role: NodeRole;
  readonly #positions: LogPositions;
  /** Absent where nothing is replicated. */
  readonly #gate: ReplicationGate | undefined;
  readonly #lag: LogLag;
  readonly #rates: Rates;
  readonly #disk: DiskWatch;
  readonly #watch: SelfWatch;
  readonly #recentLines: RecentLines;
  readonly #dispatcher: Dispatcher;
  readonly #streams: Streams;
  readonly #tracer: Tracer | undefined;
  readonly #counters = new Counters();
  readonly #refusals: RefusalLog;
  readonly #turn = new Turn();
  readonly #sockets: SocketRounds;
  readonly #door: Door;
  readonly #upgrades = new Pace(UPGRADES_PER_TURN, UPGRADES_WAITING_MAX);
  readonly #app = App();
  #replication: Replication | undefined;
  #events: EventRelayWorker | undefined;
  #access: AccessFollower | undefined;
  #seeds: SeedOffers | undefined;
  #people: People | undefined;
  readonly #providers: Providers;
  #isOpen = false;
  #isStopping = false;
  #closeListener = (): void => {};
  readonly #onSteppedDown: () => void;

  constructor(
    config: Config,
    log: Logger,
    engine: Engine,
    hasFailed: () => boolean,
    isReplicated: boolean,
    recentLines: RecentLines,
  ) {
    ({ promise: this.steppedDown, resolve: this.#onSteppedDown } = Promise.withResolvers<void>());
    this.#config = config;
    this.#sockets = new SocketRounds(config);
    this.#door = new Door(config.httpConnectionsMax, openFilesMax(), () => this.#sockets.size, this.#upgrades);
    this.#log = log;
    this.#engine = engine;
    this.#hasFailed = hasFailed;
    // In the log nobody leads before having claimed.
    this.#role = new NodeRole(isReplicated ? "standby" : "leader");
    this.#positions = new LogPositions(engine);
    this.#dispatcher = new Dispatcher(engine.ports, this.#role);
    this.#providers = startProviders(config, this.#dispatcher, this.#role, log);
    this.#refusals = new RefusalLog(log);
    this.#dispatcher.tellRejections(this.#refusals);
    if (config.stageTimes === "on") this.#timeRequests();
    this.#lag = new LogLag({
      shardCount: engine.shardCount,
      journal: (shard) => {
        const { sequence, journalBytes } = engine.stats(shard);
        return { sequence, bytes: journalBytes };
      },
      throughSequence: (shard) => this.#positions.throughSequence(shard),
    });
    this.#rates = new Rates(engine);
    this.#disk = new DiskWatch(config.dataDir);
    this.#watch = new SelfWatch(this.#lag, this.#disk, this.#rates);
    this.#recentLines = recentLines;
    this.#streams = new Streams(this.#dispatcher, config, this.#counters);
    this.#tracer = startTracer(config, engine, () => this.#events, log);
    this.#gate = isReplicated ? this.#newGate() : undefined;
    this.drainLoop = new DrainLoop(engine.ports, this.#dispatcher, this.#streams, this.#turn, this.#gate);
  }

  async open(replication: JoinedReplication | undefined, onFailure: (message: string) => void): Promise<void> {
    this.drainLoop.wake();
    const [config, dispatcher, role, log] = [this.#config, this.#dispatcher, this.#role, this.#log];
    this.#people = await startPeople({ config, dispatcher, role, log });
    if (replication !== undefined) {
      await this.#replicate(replication, onFailure);
      const [engine, positions] = [this.#engine, this.#positions];
      this.#seeds = new SeedOffers({ config, engine, dispatcher, role, positions, log });
    }
    const access = await Access.open(this.#dispatcher, this.#config);
    if (this.#role.isLeading) this.adminKey = await access.bootstrap(this.#config.adminKey);
    if (this.#gate !== undefined) {
      this.#access = new AccessFollower(access, this.#role, this.#engine, this.#log, this.#config.adminKey);
    }
    access.onRevoked((keyId) => this.#closeConnectionsOf(keyId));
    const context: GatewayContext = {
      config: this.#config,
      dispatcher: this.#dispatcher,
      streams: this.#streams,
      access,
      people: this.#people,
      engine: this.#engine,
      events: () => this.#events,
      tracer: this.#tracer,
      turn: this.#turn,
      counters: this.#counters,
      refusals: this.#refusals,
      role: this.#role,
      positions: this.#positions,
      isReplicated: this.#gate !== undefined,
      replication: this.#replication,
      seeds: this.#seeds,
      log: this.#log,
      lag: this.#lag,
      rates: this.#rates,
      disk: this.#disk,
      door: this.#door,
      recentLines: this.#recentLines,
      providers: this.#providers.desk,
      unreadiness: () => this.#unreadiness(context),
      isStopping: () => this.#isStopping,
    };
    await this.#watch.start();
    this.#serveSockets(this.#app, context);
    registerRest(this.#app, context);
    const listening = await listen(this.#app, this.#config);
    this.port = listening.port;
    this.#closeListener = listening.close;
    this.#isOpen = true;
    this.#sockets.start();
    const filesMissing = this.#door.filesMissing(this.#config.connectionsMax);
    if (filesMissing > 0) {
      this.#log.warn({ filesMissing }, "fewer files may be open than connections are allowed: raise ulimit -n");
    }
  }

  async stop(): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    this.#closeListener();
    this.#dispatcher.stopAccepting();
    const deadlineMs = Date.now() + this.#config.shutdownGraceMs;
    while (this.#dispatcher.inflight > 0 && Date.now() < deadlineMs) await delay(STOP_POLL_MS);
    this.#sockets.stop();
    this.#watch.stop();
    this.#access?.stop();
    this.#seeds?.stop();
    this.#providers.stop();
    this.#streams.stop();
    // What was answered in the last turn leaves before the connections close.
    this.#turn.end();
    for (const { connection } of this.#sockets.all()) connection.close(CLOSE.goingAway, "shutting_down");
    while (this.#sockets.size > 0 && Date.now() < deadlineMs) await delay(STOP_POLL_MS);
    // What the last commands have done is told by the next start, or by the next leader.
    await this.#events?.stop();
    await this.#tracer?.stop();
    // Everything decided goes out to the log as far as it can; what nobody will see any more must not keep the shards.
    await this.#replication?.stop();
    this.#gate?.close();
    await this.#people?.stop();
    await this.#engine.stop();
    this.drainLoop.stop();
    this.#app.close();
  }

  async #replicate({ driver, isInLog }: JoinedReplication, onFailure: (message: string) => void): Promise<void> {
    const gate = this.#gate;
    if (gate === undefined) return;
    gate.start(this.drainLoop.wake);
    this.#role.onFenced(() => this.#stepDown(gate));
    this.#role.onChanged(() => {
      if (this.#role.isLeading) this.#events ??= startEventRelay(this.#config, this.#engine, this.#log);
    });
    this.#replication = await driver.start({
      config: this.#config,
      engine: this.#engine,
      dispatcher: this.#dispatcher,
      role: this.#role,
      gate,
      isInLog,
      log: this.#log,
      onFailure,
    });
  }

  /** Shows nothing more: what is asked and not answered yet may be done or not, and every connection has to go. */
  #stepDown(gate: ReplicationGate): void {
    this.#dispatcher.stopAccepting("not_leader");
    gate.close();
    for (const { connection } of this.#sockets.all()) connection.dismiss();
    this.#onSteppedDown();
  }

  #timeRequests(): void {
    const slow = new LimitedLines((fields) => this.#log.warn(fields, "slow request"));
    this.#dispatcher.time(this.#config.slowRequestMs, (facts, shard, durationMs) => {
      this.#counters.slowRequests += 1;
      slow.add({ ...facts, shard, durationMs: Math.round(durationMs) });
    });
  }

  #unreadiness(context: GatewayContext): Unreadiness[] {
    const reasons = unreadiness(context);
    if (!this.#isOpen) reasons.push("starting");
    if (this.#isStopping) reasons.push("stopping");
    if (this.#hasFailed()) reasons.push("shard_stopped");
    return reasons;
  }

  #newGate(): ReplicationGate {
    return new ReplicationGate({
      config: this.#config,
      role: this.#role,
      positions: this.#positions,
      dispatcher: this.#dispatcher,
      streams: this.#streams,
      counters: this.#counters,
      onLag: (isLagging, lagRecords) =>
        this.#log[isLagging ? "warn" : "info"](
          { lagRecords },
          isLagging ? "the log is behind" : "the log keeps up again",
        ),
    });
  }

  #serveSockets(app: TemplatedApp, context: GatewayContext): void {
    const { idleTimeoutMs, socketBufferedMaxBytes } = this.#config;
    this.#door.guard(app);
    app.ws<SocketData>("/v1/ws", {
      maxPayloadLength: HTTP_BODY_BYTES_MAX,
      // The rounds ping and end silent peers; this ends those that do not even take the end.
      idleTimeout: Math.min(SOCKET_TIMEOUT_SECONDS_MAX, Math.ceil((1.25 * idleTimeoutMs) / 4_000) * 4 + 8),
      sendPingsAutomatically: false,
      // The connection itself decides when its peer is too slow, and tells it; this is the backstop.
      maxBackpressure: 2 * socketBufferedMaxBytes,
      closeOnBackpressureLimit: true,
      upgrade: (response, request, socketContext) =>
        upgrade(response, request, socketContext, context, this.#upgrades, this.#sockets.size),
      open: (socket) => {
        const data = socket.getUserData();
        this.#door.upgraded();
        this.#sockets.add(data);
        data.connection.onOpen(socket);
      },
      message: (socket, message, isBinary) => {
        const data = socket.getUserData();
        data.heardAtMs = this.#sockets.nowMs;
        data.connection.onMessage(message, isBinary);
      },
      ping: (socket) => this.#heard(socket),
      pong: (socket) => this.#heard(socket),
      drain: (socket) => {
        this.#heard(socket);
        socket.getUserData().connection.onDrain();
      },
      close: (socket) => {
        const data = socket.getUserData();
        this.#sockets.remove(data);
        data.connection.onClose();
      },
    });
  }

  #heard(socket: Socket): void {
    socket.getUserData().heardAtMs = this.#sockets.nowMs;
  }

  #closeConnectionsOf(keyId: string): void {
    for (const { connection } of this.#sockets.all()) {
      if (connection.keyId === keyId) connection.close(CLOSE.policyViolation, "api_key_revoked");
    }
  }
}
