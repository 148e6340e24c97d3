import { setTimeout as delay } from "node:timers/promises";
import { CompactedTopic, NotAppendedError } from "../../replicator/compacted-topic.ts";
import type { IncomingRecord, OutgoingRecord } from "../../replicator/journal-record.ts";
import type { KafkaAccess } from "../../replicator/replicator-messages.ts";
import { KeySlot } from "./key-slot.ts";
import { type KeyStore, KeyStorePendingError } from "./key-store.ts";
import type { PersonKeys } from "./person-keys.ts";
import type { PersonKey } from "./seal.ts";

/** Until a destroyed key is gone from the topic, if the brokers' cleaner runs. */
const COMPACTION_LAG_MS = 3_600_000;
/** A broker compacts what lies behind the segment that it writes to, and begins a new one with a record only: this one. */
const TICK = "tick";
/** Persons whose keys are shared by one request. */
const SHARED_AT_ONCE = 1_000;
const NOTHING = Buffer.alloc(0);

interface ReplicatedKeysOptions {
  readonly local: PersonKeys;
  readonly access: KafkaAccess;
  readonly topic: string;
  /** How long a key, or the topic's end, is waited for. */
  readonly withinMs: number;
  readonly isLeading: () => boolean;
  readonly log: Readonly<Record<"error" | "info" | "warn", (fields: object, fact: string) => void>>;
  /** For tests. */
  readonly compactionLagMs?: number;
}

/**
 * The keys of persons in this node's file and in a topic, from which every other node takes them.
 *
 * **Shape** of a record: key `personId.keyId`; header `type`: `key`, with the slot as its value, or `destroyed`, with none; or key and type `tick`. A key that was
 * destroyed never comes back, in whatever order records come in.
 */
export class ReplicatedKeys implements KeyStore {
  readonly #options: ReplicatedKeysOptions;
  readonly #topic: CompactedTopic;
  /** Names of keys in the topic that are wrapped as this node would. */
  readonly #shared = new Set<string>();
  readonly #destroyed = new Set<string>();
  readonly #ticking: NodeJS.Timeout;
  #complete: Promise<void>;

  constructor(options: ReplicatedKeysOptions) {
    const { access, topic, withinMs, log, compactionLagMs = COMPACTION_LAG_MS } = options;
    this.#options = options;
    this.#topic = new CompactedTopic({
      access,
      topic,
      compactionLagMs,
      appendWithinMs: withinMs,
      take: (record) => this.#take(record),
      onOutage: (isOut, reason) =>
        log[isOut ? "warn" : "info"](
          { topic, reason },
          isOut ? "the topic of persons' keys is out of reach" : "it is back",
        ),
    });
    this.#complete = this.#topic.caughtUp();
    this.#ticking = setInterval(() => this.#tick(), compactionLagMs).unref();
  }

  /** The topic has to be read to its end once more: this node begins to lead. */
  lead(): Promise<void> {
    this.#complete = this.#topic.caughtUp();
    return this.#complete;
  }

  /** Shares what is in this node's file alone: keys of a restored ledger, or of one that was not replicated before. */
  async shareAll(): Promise<void> {
    const { local } = this.#options;
    const ids = local.personIds();
    for (let start = 0; start < ids.length; start += SHARED_AT_ONCE) {
      await this.#share(ids.slice(start, start + SHARED_AT_ONCE).flatMap((id) => local.slots(id)));
    }
  }

  async isComplete(): Promise<boolean> {
    const late = delay(this.#options.withinMs, false, { ref: false });
    return Promise.race([this.#complete.then(() => true), late]);
  }

  personIds(): readonly string[] {
    return this.#options.local.personIds();
  }

  find(personId: string, keyId: string): PersonKey | undefined {
    return this.#options.local.find(personId, keyId);
  }

  async forSealing(personId: string, keyId: string | undefined): Promise<PersonKey> {
    const { local } = this.#options;
    const key = await local.forSealing(personId, keyId);
    await this.#share(local.slots(personId).filter((slot) => slot.keyId === key.keyId));
    return key;
  }

  /** In the topic first: a node that ends in between finds the rest to do there. */
  async destroy(personId: string): Promise<void> {
    const { local } = this.#options;
    await this.#append(local.slots(personId).map(destroyedRecord));
    await local.destroy(personId);
  }

  async close(): Promise<void> {
    clearInterval(this.#ticking);
    await this.#topic.stop();
    await this.#options.local.close();
  }

  #tick(): void {
    if (!this.#options.isLeading()) return;
    const record = { key: TICK, value: NOTHING, headers: { type: TICK }, timestampMs: Date.now() };
    // Where the brokers are away, the next one does.
    this.#append([record]).catch(() => undefined);
  }

  async #share(slots: readonly KeySlot[]): Promise<void> {
    const missing = slots.filter((slot) => !this.#shared.has(nameOf(slot)));
    await this.#append(missing.map(keyRecord));
    for (const slot of missing) this.#shared.add(nameOf(slot));
  }

  async #append(records: readonly OutgoingRecord[]): Promise<void> {
    try {
      await this.#topic.append(records);
    } catch (error) {
      if (error instanceof NotAppendedError) throw new KeyStorePendingError(error.message, { cause: error });
      throw error;
    }
  }

  async #take(record: IncomingRecord): Promise<void> {
    const { local, log, isLeading } = this.#options;
    const type = record.header("type");
    if (type === TICK) return;
    const name = record.header("name") ?? "";
    const [personId = "", keyId = ""] = name.split(".");
    if (type === "destroyed") {
      this.#destroyed.add(name);
      this.#shared.delete(name);
      await local.destroyKey(personId, keyId);
      return;
    }
    const slot = KeySlot.read(record.value ?? NOTHING);
    if (!(slot instanceof KeySlot) || nameOf(slot) !== name) {
      log.error({ offset: record.offset }, "a record of the topic of persons' keys cannot be read");
      return;
    }
    if (this.#destroyed.has(name)) {
      // It was on its way when the key was destroyed, and would now be the newest record.
      if (isLeading()) this.#append([destroyedRecord(slot)]).catch(() => undefined);
      return;
    }
    if (!(await local.adopt(slot))) log.error({ personId }, "the key of a person is wrapped by an unknown master key");
    else if (local.isCurrent(slot)) this.#shared.add(name);
  }
}

function nameOf({ personId, keyId }: KeySlot): string {
  return `${personId}.${keyId}`;
}

function keyRecord(slot: KeySlot): OutgoingRecord {
  return recordOf(slot, "key", slot.bytes);
}

function destroyedRecord(slot: KeySlot): OutgoingRecord {
  return recordOf(slot, "destroyed", NOTHING);
}

function recordOf(slot: KeySlot, type: "destroyed" | "key", value: Buffer): OutgoingRecord {
  const name = nameOf(slot);
  return { key: name, value, headers: { type, name }, timestampMs: Date.now() };
}
