import { totalmem } from "node:os";
import { unreachable } from "../../protocol/unreachable.ts";
import { knownPercentiles } from "../histogram.ts";
import { describeMachine } from "../machine.ts";
import type { Run } from "../run.ts";
import { SHAPES, type Shape } from "../workloads.ts";
import { diskWrittenBytes } from "./disk-writes.ts";
import { MIZAN_SETTINGS, MizanServer } from "./mizan-server.ts";
import type { PeerServer } from "./peer.ts";
import { PEER_NAMES, type PeerName, type PeerRow, type PeersResult } from "./peers-result.ts";
import { describePeer } from "./peers-table.ts";
import { POSTGRES_SETTINGS, PostgresServer } from "./postgres-server.ts";
import { processTreeSeconds } from "./process-tree.ts";
import { PeerSkipped } from "./program.ts";
import { REDIS_SETTINGS, RedisServer } from "./redis-server.ts";

/** Many enough that transfers at the same moment seldom meet, few enough that each server has them in memory. */
const WALLETS = 100_000;
/** Pages that a server touches for the first time are paid for before its rows. */
const FIRST_TOUCH_MS_MAX = 1_000;

const CLOSED = { pairing: "uniform", messagesPerSecond: null } as const;

/**
 * How each server is driven: with one transfer a call, then batched. Connections and calls in flight are those at which
 * it did best; PostgreSQL runs the calls of a connection one after the other, so more of them in flight would only wait.
 */
const PEER_SHAPES: Readonly<Record<PeerName, readonly Shape[]>> = {
  mizan: [SHAPES.single, SHAPES.hundred],
  postgres: [
    { ...CLOSED, transport: "postgres", connections: 16, depth: 1, commandsPerMessage: 1 },
    { ...CLOSED, transport: "postgres", connections: 4, depth: 1, commandsPerMessage: 100 },
  ],
  redis: [
    { ...CLOSED, transport: "redis", connections: 16, depth: 64, commandsPerMessage: 1 },
    { ...CLOSED, transport: "redis", connections: 4, depth: 4, commandsPerMessage: 100 },
  ],
};

export interface PeersOptions {
  /** The servers to compare; all where none is named. */
  readonly only: readonly PeerName[];
  /** Where their programs are looked for. */
  readonly directories: readonly string[];
  readonly wallets?: number;
  /** Told each row when it is done, and who is skipped. */
  readonly say: (line: string) => void;
  /** Called between the load of a row and its check. */
  readonly beforeAudit?: (server: PeerServer) => Promise<void>;
}

/** Runs the same transfers against each server that is there, one server after the other. */
export async function runPeers(run: Run, options: PeersOptions): Promise<PeersResult> {
  const startedAt = new Date().toISOString();
  const names = PEER_NAMES.filter((name) => options.only.length === 0 || options.only.includes(name));
  const rows: PeerRow[] = [];
  const skipped: { peer: PeerName; reason: string }[] = [];
  const failed: { peer: PeerName; reason: string }[] = [];
  for (const peer of names) {
    try {
      rows.push(...(await runPeer(run, peer, options)));
    } catch (error) {
      if (run.group.isEnding) throw error;
      const { message: reason } = error as Error;
      const isSkipped = error instanceof PeerSkipped;
      (isSkipped ? skipped : failed).push({ peer, reason });
      options.say(`${isSkipped ? "skipped" : "FAILED"}: ${peer}, ${reason}`);
    }
  }
  return {
    format: "mizan.peers.v1",
    startedAt,
    environment: { ...describeMachine(), memoryBytes: totalmem() },
    wallets: options.wallets ?? WALLETS,
    ...run.pace,
    settings: { mizan: MIZAN_SETTINGS, postgres: POSTGRES_SETTINGS, redis: REDIS_SETTINGS },
    rows,
    skipped,
    failed,
  };
}

async function runPeer(run: Run, peer: PeerName, options: PeersOptions): Promise<PeerRow[]> {
  const server = await startPeer(run, peer, options);
  try {
    const rows: PeerRow[] = [];
    for (const shape of PEER_SHAPES[peer]) {
      const row = await runRow(run, server, peer, shape, options);
      options.say(describePeer(row));
      rows.push(row);
    }
    return rows;
  } finally {
    await server.stop();
  }
}

async function startPeer(run: Run, peer: PeerName, options: PeersOptions): Promise<PeerServer> {
  const { directories, wallets = WALLETS } = options;
  switch (peer) {
    case "mizan":
      return MizanServer.start(run.group, run.directory("mizan-"), wallets);
    case "postgres":
      return PostgresServer.start(run.group, directories, run.directory("postgres-"), wallets);
    case "redis":
      return RedisServer.start(run.group, directories, run.directory("redis-"), wallets);
    default:
      return unreachable(peer);
  }
}

async function runRow(
  run: Run,
  server: PeerServer,
  peer: PeerName,
  shape: Shape,
  { beforeAudit }: PeersOptions,
): Promise<PeerRow> {
  const firstTouch = { warmupMs: 0, measureMs: Math.min(run.pace.measureMs, FIRST_TOUCH_MS_MAX) };
  const first = await run.load(shape, server, server.wallets, [], firstTouch);
  const wrongAtFirst = await server.audit(first);
  await server.settle();
  const use = (): (number | null)[] => [processTreeSeconds(server.pid), diskWrittenBytes(server.directory)];
  const before = use();
  const outcome = await run.load(shape, server, server.wallets);
  await server.settle();
  const after = use();
  await beforeAudit?.(server);
  const wrong = wrongAtFirst ?? (await server.audit(outcome));
  const { acceptedTotal, latency, generatorCores } = outcome;
  const [cpuSeconds, writtenBytes] = after.map((value, at) => {
    const start = before[at];
    return value === null || start === null || acceptedTotal === 0 ? null : (value - start) / acceptedTotal;
  });
  return {
    peer,
    title: server.title,
    transfersPerCall: shape.commandsPerMessage,
    connections: shape.connections,
    callsInFlight: shape.depth,
    transfersPerSecond: outcome.commandsPerSecond,
    ...knownPercentiles(latency),
    cpuSecondsPer100k: cpuSeconds === null ? null : cpuSeconds * 100_000,
    writtenBytesPerTransfer: writtenBytes,
    generatorCores,
    acknowledged: acceptedTotal,
    books: { agree: wrong === null, detail: wrong },
  };
}
