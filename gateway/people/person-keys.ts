import { randomBytes } from "node:crypto";
import { StartError } from "../start-error.ts";
import { KeyFile } from "./key-file.ts";
import { KeySlot, ownerOf } from "./key-slot.ts";
import type { KeyStore } from "./key-store.ts";
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
export class PersonKeys implements KeyStore {
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

  async isComplete(): Promise<boolean> {
    return true;
  }

  /** The wrapped keys of a person, the newest last; those of everybody without an id. */
  slots(personId?: string): readonly KeySlot[] {
    const kept = personId === undefined ? [...this.#kept.values()].flat() : (this.#kept.get(personId) ?? []);
    return kept.map(({ slot }) => slot);
  }

  find(personId: string, keyId: string): PersonKey | undefined {
    const kept = this.#kept.get(personId)?.find(({ slot }) => slot.keyId === keyId);
    return kept && this.#unwrap(kept);
  }

  async forSealing(personId: string, keyId: string | undefined): Promise<PersonKey> {
    const named = keyId === undefined ? undefined : this.find(personId, keyId);
    const newest = this.#kept.get(personId)?.at(-1);
    return named ?? (newest && this.#unwrap(newest)) ?? this.#make(personId);
  }

  /** Takes a key that another node has made. **Errors**: false where no master key of this node opens it. */
  async adopt(slot: KeySlot): Promise<boolean> {
    if (this.find(slot.personId, slot.keyId) !== undefined) return true;
    const { current, previous } = this.#masters;
    const master = [current, previous].find((each) => each?.id.equals(slot.masterId));
    const key = master?.unwrap(slot.wrapped, slot.owner);
    if (key === undefined) return false;
    await this.#add(slot.owner, key);
    return true;
  }

  /** Whether a key is wrapped as this node would. */
  isCurrent(slot: KeySlot): boolean {
    return slot.masterId.equals(this.#masters.current.id);
  }

  destroy(personId: string): Promise<void> {
    return this.#destroy(personId, () => true);
  }

  /** Destroys one key of a person, if it is here. */
  async destroyKey(personId: string, keyId: string): Promise<void> {
    const isHere = this.#kept.get(personId)?.some(({ slot }) => slot.keyId === keyId);
    if (isHere === true) await this.#destroy(personId, (slot) => slot.keyId === keyId);
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  async #make(personId: string): Promise<PersonKey> {
    const keyId = randomBytes(KEY_ID_BYTES).toString("hex");
    const key = randomBytes(KEY_BYTES);
    await this.#add(ownerOf(personId, keyId), key);
    return { keyId, key };
  }

  async #destroy(personId: string, isMeant: (slot: KeySlot) => boolean): Promise<void> {
    const kept = this.#kept.get(personId) ?? [];
    const staying = kept.filter(({ slot }) => !isMeant(slot));
    // From here on nobody finds them; the file wipes damaged slots even where there are none.
    if (staying.length > 0) this.#kept.set(personId, staying);
    else this.#kept.delete(personId);
    await this.#file.wipe(kept.filter(({ slot }) => isMeant(slot)).map(({ index }) => index));
  }

  #unwrap({ slot }: Kept): PersonKey | undefined {
    const key = this.#masters.current.unwrap(slot.wrapped, slot.owner);
    return key === undefined ? undefined : { keyId: slot.keyId, key };
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
