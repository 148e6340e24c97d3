import { backoffMs } from "./backoff.ts";
import type { Codec, Payload, ServerLimits, ServerMessage } from "./codec.ts";
import { MizanError } from "./errors.ts";
import {
  ATTEMPT_TIMEOUT_MS,
  FAILOVER_MS_MAX,
  HEARTBEATS_MISSED_MAX,
  RECONNECT_ATTEMPTS_MAX,
  RECONNECT_MS_MAX,
  RECONNECT_MS_MIN,
  SILENCE_GRACE_MS,
} from "./limits.ts";
import { Nodes } from "./nodes.ts";
import { type Endpoint, openSocket, type Socket } from "./socket.ts";

/** What a link tells the one that uses it. */
export interface LinkEvents {
  /** The server has said welcome; what is sent from now on arrives, or `down` follows. */
  up(limits: ServerLimits): void;
  message(message: ServerMessage): void;
  /** The connection is gone, and the next one is on its way. */
  down(): void;
  /** There will be no connection any more. */
  failed(error: MizanError): void;
}

/**
 * A connection that comes back by itself: opens the socket, waits for the server's welcome, watches for signs of life,
 * and after a loss tries again with growing pauses.
 */
export class Link {
  /** Where the next connection goes. */
  readonly nodes: Nodes;
  readonly #endpoint: Endpoint;
  readonly #codec: Codec;
  readonly #events: LinkEvents;
  #socket: Socket | undefined;
  /** Counts the sockets, so that what is left of an earlier one is recognised. */
  #generation = 0;
  #state: "down" | "opening" | "up" | "ended" = "down";
  #attempts = 0;
  /** Nodes in a row that did not accept the key: one that follows may not know it yet. */
  #keyRefusals = 0;
  #upSinceMs = 0;
  #lastTrafficMs = 0;
  #lastFailure: unknown;
  /** Runs the next attempt, ends a slow one, or watches the heartbeats: whatever the state waits for. */
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(endpoint: Endpoint, codec: Codec, events: LinkEvents) {
    this.nodes = new Nodes(endpoint);
    this.#endpoint = endpoint;
    this.#codec = codec;
    this.#events = events;
  }

  get isUp(): boolean {
    return this.#state === "up";
  }

  /** Why the latest attempt failed. */
  get lastFailure(): unknown {
    return this.#lastFailure;
  }

  open(): void {
    const generation = ++this.#generation;
    this.#state = "opening";
    this.#timer = setTimeout(() => this.lose(new Error("no welcome in time")), ATTEMPT_TIMEOUT_MS);
    openSocket(this.#endpoint, this.nodes.url, this.#codec.subprotocol, ATTEMPT_TIMEOUT_MS).then(
      (socket) => {
        if (generation === this.#generation) this.#attach(socket, generation);
        else discard(socket, true);
      },
      (error: unknown) => {
        if (generation === this.#generation) this.lose(error);
      },
    );
  }

  /** Sends one message; only while up. */
  send(payload: Payload): void {
    this.#socket?.send(payload);
  }

  /** Connects to the node that leads in place of this one; false where that would be the same. */
  redirect(leader: string | undefined): boolean {
    if (!this.nodes.redirect(leader)) return false;
    this.#reconnect(new Error(`another node leads: ${this.nodes.url}`));
    return true;
  }

  /** Gives the connection up and connects again, to the next node where there are several. */
  lose(cause: unknown): void {
    this.nodes.next();
    this.#reconnect(cause);
  }

  #reconnect(cause: unknown): void {
    if (this.#state === "ended") return;
    const wasUp = this.#state === "up";
    this.#lastFailure = cause;
    this.#detach("down");
    if (wasUp) {
      if (performance.now() - this.#upSinceMs >= RECONNECT_MS_MAX) this.#attempts = 0;
      this.#events.down();
    }
    const rounds = Math.floor(this.#attempts / this.nodes.count);
    if (cause instanceof MizanError && this.#isFinal(cause)) {
      this.#fail(cause);
    } else if (rounds >= RECONNECT_ATTEMPTS_MAX) {
      this.#fail(new MizanError("unreachable", `no connection to ${this.nodes}`, { cause }));
    } else {
      const pauseMs = backoffMs(rounds, RECONNECT_MS_MIN, this.nodes.count > 1 ? FAILOVER_MS_MAX : RECONNECT_MS_MAX);
      this.#attempts += 1;
      this.#timer = setTimeout(() => this.open(), pauseMs);
    }
  }

  /** Ends the connection for good. */
  end(): void {
    this.#detach("ended");
  }

  /** Whether no further attempt is worth it. */
  #isFinal({ code }: MizanError): boolean {
    if (code === "unauthenticated") {
      this.#keyRefusals += 1;
      return this.#keyRefusals >= this.nodes.count;
    }
    return code === "unsupported_protocol" || code === "not_replicated";
  }

  #fail(error: MizanError): void {
    this.end();
    this.#events.failed(error);
  }

  #attach(socket: Socket, generation: number): void {
    const isCurrent = (): boolean => generation === this.#generation;
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onmessage = (event: { data: unknown }) => {
      if (isCurrent()) this.#receive(event.data);
    };
    socket.onerror = (event: { message?: string; error?: unknown }) => {
      if (isCurrent()) this.lose(event.error ?? new Error(event.message ?? "the WebSocket failed"));
    };
    socket.onclose = (event: { code?: number; reason?: string }) => {
      if (isCurrent()) this.lose(new Error(`the WebSocket closed: ${event.code ?? ""} ${event.reason ?? ""}`));
    };
  }

  #receive(data: unknown): void {
    this.#lastTrafficMs = performance.now();
    let messages: readonly ServerMessage[];
    try {
      messages = this.#codec.decode(data);
    } catch (error) {
      this.lose(error);
      return;
    }
    for (const message of messages) {
      if (message.type === "welcome") this.#welcome(message.limits);
      else if (message.type === "refused" && message.requestId === 0) {
        // The server ends the connection after such a word; some are worth no further attempt.
        if (message.code === "not_leader" && this.redirect(message.leader)) return;
        this.lose(new MizanError(message.code, message.message));
      } else if (this.#state === "up") this.#events.message(message);
    }
  }

  #welcome(limits: ServerLimits): void {
    if (this.#state !== "opening") return;
    clearTimeout(this.#timer);
    this.#state = "up";
    this.#upSinceMs = performance.now();
    this.#keyRefusals = 0;
    this.#watchHeartbeats(limits.heartbeatIntervalMs * HEARTBEATS_MISSED_MAX);
    this.#events.up(limits);
  }

  #watchHeartbeats(silenceMsMax: number, suspected = false): void {
    const leftMs = silenceMsMax - (performance.now() - this.#lastTrafficMs);
    if (leftMs > 0) {
      this.#timer = setTimeout(() => this.#watchHeartbeats(silenceMsMax), leftMs);
    } else if (suspected) {
      this.lose(new Error("no sign of life from the server"));
    } else {
      // After a long task of this process, what arrived meanwhile is read only now.
      this.#timer = setTimeout(() => this.#watchHeartbeats(silenceMsMax, true), SILENCE_GRACE_MS);
    }
  }

  #detach(state: "down" | "ended"): void {
    this.#state = state;
    this.#generation += 1;
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket !== undefined) discard(socket, state === "ended");
  }
}

/** Closes a socket that nobody listens to any more; one that may be dead is not worth waiting for. */
function discard(socket: Socket, isAlive: boolean): void {
  socket.onmessage = null;
  socket.onclose = null;
  // Stays: a socket that fails while it closes must not bring the process down.
  socket.onerror = () => {};
  if (isAlive || socket.terminate === undefined) socket.close();
  else socket.terminate();
}
