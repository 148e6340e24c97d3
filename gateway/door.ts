import type { HttpResponse, TemplatedApp } from "uWebSockets.js";
import { readFileSync } from "node:fs";
import type { Pace } from "./pace.ts";

/** Files kept for the journal, its archive, snapshots and the log. */
const FILES_KEPT = 256;

/**
 * Bounds the TCP connections of a ledger that are no WebSockets, so that those who open sockets and prove nothing take up
 * neither memory nor the open files that the journal needs. One too many is closed unanswered.
 */
export class Door {
  readonly #httpMax: number;
  readonly #filesMax: number;
  readonly #openSockets: () => number;
  readonly #upgrades: Pick<Pace, "waiting">;
  #open = 0;
  #refused = 0;

  /** Whoever waits for an upgrade has proved who it is, and is counted with the WebSockets. */
  constructor(httpMax: number, filesMax: number, openSockets: () => number, upgrades: Pick<Pace, "waiting">) {
    this.#upgrades = upgrades;
    this.#httpMax = httpMax;
    this.#filesMax = filesMax - FILES_KEPT;
    this.#openSockets = openSockets;
  }

  /** TCP connections that are no WebSocket, or not yet. */
  get openHttp(): number {
    return this.#open;
  }

  /** TCP connections that were closed unanswered. */
  get refused(): number {
    return this.#refused;
  }

  /** Open files that so many WebSockets, and what else the ledger may have open, would need beyond those there are. */
  filesMissing(connectionsMax: number): number {
    return Math.max(0, connectionsMax + this.#httpMax - this.#filesMax);
  }

  guard(app: TemplatedApp): void {
    app.filter(this.#onConnection);
  }

  readonly #onConnection = (response: HttpResponse, change: number): void => {
    this.#open += change;
    if (change < 0 || !this.#isFull()) return;
    this.#refused += 1;
    response.close();
  };

  /** One of them has become a WebSocket; its end is not told to the filter. */
  upgraded(): void {
    this.#open -= 1;
  }

  #isFull(): boolean {
    return this.#open - this.#upgrades.waiting > this.#httpMax || this.#open + this.#openSockets() > this.#filesMax;
  }
}

/** Files that this process may have open; Infinity where the system sets no limit or does not tell. */
export function openFilesMax(): number {
  try {
    const limit = /^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    return limit === undefined ? Number.POSITIVE_INFINITY : Number(limit);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
