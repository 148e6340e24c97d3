import type { Logger } from "pino";
import type { Engine } from "../engine/engine.ts";
import type { Access } from "./access.ts";
import type { NodeRole } from "./node-role.ts";

/** How long a key that was revoked on the leader may still open something here. */
const INTERVAL_MS = 500;

/** Keeps what a standby knows of API keys up to date: looks whenever its journal has grown. */
export class AccessFollower {
  readonly #access: Access;
  readonly #role: NodeRole;
  readonly #engine: Engine;
  readonly #log: Logger;
  readonly #timer: NodeJS.Timeout;
  #sequences = -1;
  #isReading = false;

  constructor(access: Access, role: NodeRole, engine: Engine, log: Logger) {
    this.#access = access;
    this.#role = role;
    this.#engine = engine;
    this.#log = log;
    this.#timer = setInterval(() => this.#look(), INTERVAL_MS).unref();
    let wasLeading = role.isLeading;
    role.onChanged(() => {
      // What came right before the takeover counts too.
      if (role.isLeading && !wasLeading) this.#read();
      wasLeading = role.isLeading;
    });
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    if (this.#role.isLeading || this.#isReading) return;
    const sequences = this.#engine.ports.reduce((sum, { shard }) => sum + this.#engine.stats(shard).sequence, 0);
    if (sequences === this.#sequences) return;
    this.#sequences = sequences;
    this.#read();
  }

  #read(): void {
    this.#isReading = true;
    this.#access
      .refresh()
      .catch((error: unknown) => this.#log.error({ error: String(error) }, "the API keys of the leader are not known"))
      .finally(() => {
        this.#isReading = false;
      });
  }
}
