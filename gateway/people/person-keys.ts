import { randomBytes } from "node:crypto";
import { StartError } from "../start-error.ts";
import { KeyFile } from "./key-file.ts";
import { KeySlot, ownerOf } from "./key-slot.ts";
import type { MasterKey } from "./master-key.ts";
import { KEY_BYTES, KEY_ID_BYTES, type PersonKey } from "./seal.ts";

interface Kept {
  readonly slot: KeySlot;
  readonly index: number;
}

/** The master key, and the one before it whose keys are still to be wrapped anew. */
export interface MasterKeys {
  readonly current: MasterKey;
  readonly previous: MasterKey | undefined;
}

/** The keys of persons, wrapped; a person has one, and more only where one was made in vain. */
export class PersonKeys {
  readonly #file: KeyFile;
  readonly #masters: MasterKeys;
  /** By person, the newest last. */
  readonly #kept = new Map<string, Kept[]>();

  private constructor(file: KeyFile, masters: MasterKeys) {
    this.#file = file;
    this.#masters = masters;
  }

  /**
   * Reads the key file, and wraps anew what the previous master key wrapped.
   *
   * **Errors**: `personal_data_key_wrong` where some keys were wrapped by another one.
   */
  static async open(path: string, masters: MasterKeys): Promise<PersonKeys> {
    const file = await KeyFile.open(path);
    try {
      const keys = new PersonKeys(file, masters);
      await keys.#take();
      return keys;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Slots of which nobody can tell any more whose they are. */
  get damagedCount(): number {
    return this.#file.damagedCount;
  }

  personIds(): readonly string[] {
    return [...this.#kept.keys()];
  }

  /** A key of a person, its newest one without an id; undefined where it is not here. */
  find(personId: string, keyId?: string): PersonKey | undefined {
    const kept = this.#kept.get(personId)?.findLast(({ slot }) => keyId === undefined || slot.keyId === keyId);
    if (kept === undefined) return undefined;
    const key = this.#masters.current.unwrap(kept.slot.wrapped, kept.slot.owner);
    return key === undefined ? undefined : { keyId: kept.slot.keyId, key };
  }

  /** Makes a key for a person; resolves when it is durable. */
  async make(personId: string): Promise<PersonKey> {
    const keyId = randomBytes(KEY_ID_BYTES).toString("hex");
    const key = randomBytes(KEY_BYTES);
    await this.#add(ownerOf(personId, keyId), key);
    return { keyId, key };
  }

  /** Destroys all keys of a person; resolves when nothing of them is left in the file. */
  async destroy(personId: string): Promise<void> {
    const kept = this.#kept.get(personId) ?? [];
    // From here on nobody finds them, and what follows is done even where they are gone: an earlier try may have failed.
    this.#kept.delete(personId);
    await this.#file.wipe(kept.map(({ index }) => index));
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  async #add(owner: Buffer, key: Uint8Array): Promise<void> {
    const { current } = this.#masters;
    const slot = KeySlot.of(owner, current.id, current.wrap(key, owner));
    const index = await this.#file.add(slot);
    this.#keep({ slot, index });
  }

  #keep(kept: Kept): void {
    const { personId } = kept.slot;
    this.#kept.set(personId, [...(this.#kept.get(personId) ?? []), kept]);
  }

  async #take(): Promise<void> {
    const { current, previous } = this.#masters;
    const former: Kept[] = [];
    let unknown = 0;
    for (const [index, slot] of this.#file.entries()) {
      if (slot.masterId.equals(current.id)) this.#keep({ slot, index });
      else if (previous !== undefined && slot.masterId.equals(previous.id)) former.push({ slot, index });
      else unknown += 1;
    }
    if (unknown > 0) {
      throw new StartError(
        "personal_data_key_wrong",
        `${unknown} keys of persons were wrapped by another master key than MIZAN_PERSONAL_DATA_KEY; ` +
          "name it as MIZAN_PERSONAL_DATA_KEY_PREVIOUS, and they are wrapped anew",
      );
    }
    if (previous !== undefined && former.length > 0) await this.#wrapAnew(former, previous);
  }

  /** Into other slots first: whenever the process ends, each key is in one slot at least. */
  async #wrapAnew(former: readonly Kept[], previous: MasterKey): Promise<void> {
    await Promise.all(
      former.map(async ({ slot }) => {
        const isDone = this.#kept.get(slot.personId)?.some((kept) => kept.slot.keyId === slot.keyId) === true;
        const key = isDone ? undefined : previous.unwrap(slot.wrapped, slot.owner);
        if (key !== undefined) await this.#add(slot.owner, key);
      }),
    );
    await this.#file.wipe(former.map(({ index }) => index));
  }
}
