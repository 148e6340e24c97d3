import type { SocketData } from "./connection.ts";

/** The sockets are looked after in so many groups, one after the other, so that no turn of the loop writes to all of them. */
const GROUPS = 64;

/** What the sockets of a ledger are held to. **Units**: milliseconds. */
export interface RoundsConfig {
  readonly heartbeatIntervalMs: number;
  readonly idleTimeoutMs: number;
}

/**
 * The open sockets, and the rounds that look after them: a heartbeat for those to which nothing was sent, a ping for those
 * that were silent for half the time they may be, and an end for those that have been silent for all of it.
 */
export class SocketRounds {
  readonly #groups: readonly Set<SocketData>[] = Array.from({ length: GROUPS }, () => new Set());
  readonly #groupOf = new Map<SocketData, Set<SocketData>>();
  readonly #config: RoundsConfig;
  #nextGroup = 0;
  #visited = 0;
  #timer: NodeJS.Timeout | undefined;
  /** A coarse clock, for when peers were heard. */
  nowMs = Date.now();

  constructor(config: RoundsConfig) {
    this.#config = config;
  }

  get size(): number {
    return this.#groupOf.size;
  }

  all(): SocketData[] {
    return [...this.#groupOf.keys()];
  }

  start(): void {
    const { heartbeatIntervalMs, idleTimeoutMs } = this.#config;
    const roundMs = Math.min(heartbeatIntervalMs / 2, idleTimeoutMs / 8);
    this.#timer = setInterval(this.#visitGroup, roundMs / GROUPS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  add(socket: SocketData): void {
    const group = this.#groups[this.#nextGroup] as Set<SocketData>;
    this.#nextGroup = (this.#nextGroup + 1) % GROUPS;
    this.nowMs = Date.now();
    socket.heardAtMs = this.nowMs;
    socket.beatAtMs = this.nowMs;
    group.add(socket);
    this.#groupOf.set(socket, group);
  }

  remove(socket: SocketData): void {
    this.#groupOf.get(socket)?.delete(socket);
    this.#groupOf.delete(socket);
  }

  readonly #visitGroup = (): void => {
    this.nowMs = Date.now();
    this.#visited = (this.#visited + 1) % GROUPS;
    for (const socket of this.#groups[this.#visited] as Set<SocketData>) this.#visit(socket);
  };

  #visit(socket: SocketData): void {
    const { heartbeatIntervalMs, idleTimeoutMs } = this.#config;
    const silentMs = this.nowMs - socket.heardAtMs;
    if (silentMs >= idleTimeoutMs) {
      socket.connection.closeSilent();
      return;
    }
    if (silentMs >= idleTimeoutMs / 2) socket.connection.ping();
    if (this.nowMs - socket.beatAtMs < heartbeatIntervalMs / 2 - 1) return;
    socket.beatAtMs = this.nowMs;
    socket.connection.onHeartbeat(this.nowMs);
  }
}
