import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import { mayKeep } from "../../engine/person/decide.ts";
import type { PersonState } from "../../engine/person/person.ts";
import type { ObjectOutcome } from "../../engine/views.ts";
import type { Refusal } from "../../protocol/codes.ts";
import type { PersonCommand } from "../../protocol/person/commands.ts";
import type { PersonalData } from "../../protocol/person/personal-data.ts";
import { lookupActor, senderOf } from "../actors.ts";
import type { Caller } from "../caller.ts";
import type { Dispatcher } from "../dispatcher.ts";
import { commandActor } from "../found-actors.ts";
import type { NodeRole } from "../node-role.ts";
import { type KeyStore, KeyStorePendingError } from "./key-store.ts";
import { keyIdOf, open, type PersonKey, SealBrokenError, seal } from "./seal.ts";

const AGGREGATE = "Person";
/** Commands that may wait for others on the same persons; beyond it `overloaded`. */
const WAITING_MAX = 4_096;
/** Persons that are looked up at once when keys are cleared. */
const LOOKUPS_AT_ONCE = 16;
const LOOKUP_PAUSE_MS = 500;
/** The gateway itself. */
const GATEWAY: Caller = { role: "admin", ownerId: new Uint32Array(4), keyId: "" };
/** The same, where what it sees must not be taken back by another node's claim. */
const CERTAIN: Caller = { ...GATEWAY, awaitsLog: true };

/** A person as its shard keeps it. */
export type SealedPerson = PersonState & { readonly id: string; readonly version: number };

interface NewPerson {
  readonly id: string;
  readonly issuerId: string | undefined;
  readonly data: PersonalData;
}

export interface PeopleParts {
  readonly keys: KeyStore;
  readonly dispatcher: Dispatcher;
  readonly role: Pick<NodeRole, "refusal">;
  readonly log: Pick<Logger, "error" | "info">;
}

/**
 * People and their keys: what a shard hears of a person is sealed here, and what it answers is opened here.
 *
 * Commands on one person wait for each other, so that a key is made and destroyed as the person's status says.
 */
export class People {
  readonly #parts: PeopleParts;
  /** By person: the end of the last command that was begun. */
  readonly #turns = new Map<string, Promise<unknown>>();
  #waiting = 0;
  #isStopped = false;

  constructor(parts: PeopleParts) {
    this.#parts = parts;
  }

  /** Seals what is known of a person and registers him. */
  register(caller: Caller, commandId: string, { id, issuerId, data }: NewPerson): Promise<ObjectOutcome | Refusal> {
    // No key is made for whom the shard would refuse.
    const mayRegister = mayKeep(id, senderOf(caller)) && (issuerId === undefined || caller.role === "admin");
    if (!mayRegister) return Promise.resolve("forbidden");
    return this.#inTurn(id, async () => {
      const found = await this.#lookup(GATEWAY, id);
      if (typeof found === "string" && found !== "person_not_found") return found;
      // A command that is sent again finds its person registered, and is sealed as it was.
      const key = await this.#keyOf(id, typeof found === "string" ? undefined : found);
      if (typeof key === "string") return key;
      const sealed = seal(key, id, data);
      return this.#send(caller, id, commandId, {
        type: "RegisterPerson",
        sealed,
        ...(issuerId === undefined ? {} : { issuerId }),
      });
    });
  }

  /** Seals what is known of a person now, in place of what was known. */
  update(caller: Caller, commandId: string, id: string, data: PersonalData): Promise<ObjectOutcome | Refusal> {
    return this.#inTurn(id, async () => {
      const found = await this.#lookup(caller, id);
      if (typeof found === "string") return found;
      if (!mayKeep(id, senderOf(caller))) return "forbidden";
      const key = await this.#keyOf(id, found);
      if (typeof key === "string") return key;
      return this.#send(caller, id, commandId, { type: "UpdatePerson", sealed: seal(key, id, data) });
    });
  }

  /** Has a person erased, and then destroys the key; the answer is there when nothing can be read any more. */
  erase(
    caller: Caller,
    commandId: string,
    id: string,
    reason: Extract<PersonCommand, { type: "ErasePerson" }>["reason"],
  ): Promise<ObjectOutcome | Refusal> {
    return this.#inTurn(id, async () => {
      const outcome = await this.#send({ ...caller, awaitsLog: true }, id, commandId, { type: "ErasePerson", reason });
      const code = typeof outcome === "string" ? outcome : outcome.code;
      const isErased = code === "ok" || code === "person_erased";
      const isDone = isErased && (await this.#destroyed(id));
      if (isDone || (!isErased && code !== "replication_pending")) return outcome;
      // The caller may not ask again.
      this.#clearLater(id);
      return "replication_pending";
    });
  }

  /** A person that the caller may see, sealed. */
  async find(caller: Caller, id: string): Promise<SealedPerson | Refusal> {
    return (await this.#parts.keys.isComplete()) ? this.#lookup(caller, id) : "replication_pending";
  }

  /** What is known of a person. **Errors**: `personal_data_key_missing`. */
  read({ id, sealed }: { readonly id: string; readonly sealed: string }): PersonalData | "personal_data_key_missing" {
    const key = this.#parts.keys.find(id, keyIdOf(sealed));
    if (key === undefined) return "personal_data_key_missing";
    try {
      return open(key, id, sealed);
    } catch (error) {
      if (!(error instanceof SealBrokenError)) throw error;
      this.#parts.log.error({ personId: id }, error.message);
      return "personal_data_key_missing";
    }
  }

  /**
   * Destroys the keys of persons who are erased, and of those who never were registered: what a crash left behind. Whoever begins to
   * lead does it once.
   */
  async clearKeys(): Promise<void> {
    const ids = this.#parts.keys.personIds().values();
    let destroyed = 0;
    const clear = async (): Promise<void> => {
      for (const id of ids) if (await this.#clearKey(id)) destroyed += 1;
    };
    await Promise.all(Array.from({ length: LOOKUPS_AT_ONCE }, clear));
    if (destroyed > 0) this.#parts.log.info({ destroyed }, "keys of persons who are erased were destroyed");
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#parts.keys.close();
  }

  /** Destroys a person's keys; false where the log does not take that in time. */
  async #destroyed(id: string): Promise<boolean> {
    try {
      await this.#parts.keys.destroy(id);
      return true;
    } catch (error) {
      if (error instanceof KeyStorePendingError) return false;
      throw error;
    }
  }

  #clearLater(id: string): void {
    this.#clearKey(id).catch((error: unknown) => {
      this.#parts.log.error({ personId: id, error: String(error) }, "the key of an erased person is still there");
    });
  }

  async #clearKey(id: string): Promise<boolean> {
    while (!this.#isStopped && this.#parts.role.refusal !== "not_leader") {
      const isCleared = await this.#inTurn(id, async () => {
        const found = await this.#lookup(CERTAIN, id);
        if (typeof found === "string" ? found !== "person_not_found" : found.status !== "ERASED") return found;
        return (await this.#destroyed(id)) || "replication_pending";
      });
      if (isCleared === true) return true;
      // Any other refusal says that it cannot be told now.
      if (typeof isCleared !== "string") return false;
      await delay(LOOKUP_PAUSE_MS, undefined, { ref: false });
    }
    return false;
  }

  /** The key with which a person is sealed next; made where there is none. */
  async #keyOf(id: string, found: SealedPerson | undefined): Promise<PersonKey | Refusal> {
    const { keys, role } = this.#parts;
    if (found?.status === "ERASED") return "person_erased";
    if (role.refusal !== "ok") return role.refusal as Refusal;
    if (!(await keys.isComplete())) return "replication_pending";
    return keys.forSealing(id, found && keyIdOf(found.sealed)).catch((error: unknown) => {
      if (error instanceof KeyStorePendingError) return "replication_pending" as const;
      throw error;
    });
  }

  #send(caller: Caller, id: string, commandId: string, command: PersonCommand): Promise<ObjectOutcome | Refusal> {
    const { dispatcher } = this.#parts;
    return new Promise((resolve) => {
      const code = commandActor(dispatcher, caller, { aggregate: AGGREGATE, id, commandId, command }, resolve);
      if (code !== "ok") resolve(code);
    });
  }

  #lookup(caller: Caller, id: string): Promise<SealedPerson | Refusal> {
    return new Promise((resolve) => {
      const take = (state: Readonly<Record<string, unknown>> | Refusal): void =>
        resolve(state as unknown as SealedPerson | Refusal);
      const code = lookupActor(this.#parts.dispatcher, caller, { aggregate: AGGREGATE, id }, take);
      if (code !== "ok") resolve(code);
    });
  }

  async #inTurn<T>(id: string, task: () => Promise<T>): Promise<T | "overloaded"> {
    if (this.#waiting >= WAITING_MAX) return "overloaded";
    this.#waiting += 1;
    const before = this.#turns.get(id);
    const mine: Promise<T> = before === undefined ? task() : before.then(task, task);
    this.#turns.set(id, mine);
    try {
      return await mine;
    } finally {
      this.#waiting -= 1;
      if (this.#turns.get(id) === mine) this.#turns.delete(id);
    }
  }
}
