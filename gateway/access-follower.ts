import type { Logger } from "pino";
import type { Engine } from "../engine/engine.ts";
import type { Access } from "./access.ts";
import type { NodeRole } from "./node-role.ts";

/** How long a key that was revoked on the leader may still open something here. */
const INTERVAL_MS = 500;

/**
 * Keeps what a standby knows of API keys up to date: looks whenever its journal has grown.
 *
 * When it begins to lead it sees to it that the configured admin key opens this node, as the start of a leader does: the leader
 * before may have had another one, or have ended before it journaled any.
 */
export class AccessFollower {
  readonly #access: Access;
  readonly #role: NodeRole;
  readonly #engine: Engine;
  readonly #log: Logger;
  readonly #adminKey: string | undefined;
  readonly #timer: NodeJS.Timeout;
  #sequences = -1;
  #isReading = false;

  constructor(access: Access, role: NodeRole, engine: Engine, log: Logger, adminKey: string | undefined) {
    this.#access = access;
    this.#role = role;
    this.#engine = engine;
    this.#log = log;
    this.#adminKey = adminKey;
    this.#timer = setInterval(() => this.#look(), INTERVAL_MS).unref();
    let wasLeading = role.isLeading;
    role.onChanged(() => {
      if (role.isLeading && !wasLeading) void this.#lead();
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
    void this.#read();
  }

  async #read(): Promise<void> {
    this.#isReading = true;
    try {
      await this.#access.refresh();
    } catch (error) {
      this.#log.error({ error: String(error) }, "the API keys of the leader are not known");
    } finally {
      this.#isReading = false;
    }
  }

  async #lead(): Promise<void> {
    // What came right before the takeover counts too.
    await this.#read();
    if (this.#adminKey === undefined) {
      if (this.#access.list().length > 0) return;
      this.#log.error({}, "nobody has an API key: start this node again, and it shows a new one");
      return;
    }
    try {
      const { kind } = await this.#access.bootstrap(this.#adminKey);
      if (kind === "revoked") this.#log.warn({}, "MIZAN_ADMIN_KEY names a key that was revoked; it opens nothing");
    } catch (error) {
      this.#log.error({ error: String(error) }, "MIZAN_ADMIN_KEY opens nothing here");
    }
  }
}
