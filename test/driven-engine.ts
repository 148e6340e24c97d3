import { setTimeout as delay } from "node:timers/promises";
import type { Engine, EngineOptions } from "../engine/engine.ts";
import { Doorbell } from "../engine/port/doorbell.ts";
import { ENTRY_HEADER_BYTES, REQUEST, REQUEST_KIND } from "../engine/port/entries.ts";
import { RingWriter } from "../engine/port/ring.ts";
import { startEngine } from "../engine/start-engine.ts";
import { loadConfig } from "../gateway/config.ts";
import { encodeCommands, type LedgerCommand } from "./ledger-command.ts";
import { type RawReply, readReply } from "./raw-reply.ts";

const POLL_MS = 1;
const NOBODY = { role: "admin", ownerId: new Uint32Array(4) } as const;

/** The engine with its threads, asked through its ports, without a gateway or a replicator. */
export class DrivenEngine {
  readonly engine: Engine;
  readonly #replies = new Map<number, RawReply[]>();
  readonly #follow: readonly RingWriter[];
  readonly #failures: string[];
  readonly #doorbells: readonly Doorbell[];
  #token = 0;

  private constructor(engine: Engine, failures: string[]) {
    this.engine = engine;
    this.#failures = failures;
    this.#follow = engine.replication.map(({ follow }) => new RingWriter(follow));
    this.#doorbells = engine.replication.map(({ doorbell }) => new Doorbell(doorbell));
  }

  static async start(dataDir: string, role: EngineOptions["role"], shards: number): Promise<DrivenEngine> {
    const config = loadConfig({ MIZAN_DATA_DIR: dataDir });
    const failures: string[] = [];
    const engine = await startEngine(
      { ...config, role, shards },
      { log: () => {}, onWake: () => {}, onFailure: ({ shard, message }) => failures.push(`${shard}: ${message}`) },
    );
    return new DrivenEngine(engine, failures);
  }

  /** Asks a shard, and returns the token of what comes back. */
  send(shard: number, kind: number, payload: Uint8Array = new Uint8Array(), count = 1): number {
    this.#token += 1;
    const port = this.engine.ports[shard];
    if (!port.send(kind, this.#token, count, 0, NOBODY, payload)) throw new Error("the request does not fit the ring");
    port.flush();
    return this.#token;
  }

  /** Sends commands to a shard. */
  command(shard: number, commands: readonly LedgerCommand[]): number {
    return this.send(shard, REQUEST_KIND.Commands, encodeCommands(commands), commands.length);
  }

  /** What has come back so far for a token. */
  received(token: number): readonly RawReply[] {
    for (const port of this.engine.ports) {
      port.drain((ring, offset) => {
        const reply = readReply(ring, offset);
        this.#replies.set(reply.token, [...(this.#replies.get(reply.token) ?? []), reply]);
        return true;
      }, 1_000);
    }
    return this.#replies.get(token) ?? [];
  }

  /** Waits for so many entries of a token. */
  async replies(token: number, count = 1): Promise<readonly RawReply[]> {
    await this.until(() => this.received(token).length >= count);
    return this.received(token);
  }

  async ask(shard: number, kind: number, payload?: Uint8Array, count?: number): Promise<RawReply> {
    const [reply] = await this.replies(this.send(shard, kind, payload, count));
    return reply;
  }

  /** Puts a frame of the leader before a shard, as soon as there is room. */
  async offerFrame(shard: number, frame: Uint8Array): Promise<void> {
    const ring = this.#follow[shard];
    let offset = -1;
    await this.until(() => {
      offset = ring.reserve(ENTRY_HEADER_BYTES + frame.byteLength, REQUEST_KIND.ApplyFrame);
      return offset >= 0;
    });
    ring.lanes[(offset >>> 2) + REQUEST.payloadBytes] = frame.byteLength;
    ring.bytes.set(frame, offset + ENTRY_HEADER_BYTES);
    ring.publish();
    this.#doorbells[shard].ring();
  }

  /** Waits for something. **Errors**: throws when a shard has failed. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      if (this.#failures.length > 0) throw new Error(this.#failures.join("; "));
      await delay(POLL_MS);
    }
  }

  sequence(shard: number): number {
    return this.engine.stats(shard).sequence;
  }

  async stop(): Promise<void> {
    await this.engine.stop();
  }
}
