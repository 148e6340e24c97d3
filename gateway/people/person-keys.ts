import { randomBytes } from "node:crypto";
import { formatUuid } from "../../protocol/ids.ts";
import { StartError } from "../start-error.ts";
import { KeyFile } from "./key-file.ts";
import { KeySlot, ownerOf } from "./key-slot.ts";
import type { KeyStore } from "./key-store.ts";
import type { MasterKey } from "./master-key.ts";
import { KEY_BYTES, KEY_ID_BYTES, type PersonKey } from "./seal.ts";

/** Keys that share a sync when they are wrapped anew. */
const WRAPPED_AT_ONCE = 10_000;

/** The master key, and the one before it whose keys are still to be wrapped anew. */
export interface MasterKeys {
  readonly current: MasterKey;
  readonly previous: MasterKey | undefined;
}

/** The keys of persons, wrapped; a person has one, and more only where one was made in vain. */
export class PersonKeys implements KeyStore {
  readonly #file: KeyFile;
  readonly #masters: MasterKeys;
  /** By person, indexes of slots, the newest last. Ids are flat texts without hyphens, since there may be millions. */
  readonly #indexes = new Map<string, readonly number[]>();

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
    return [...this.#indexes.keys()].map((key) => formatUuid(Buffer.from(key, "hex")));
  }

  async isComplete(): Promise<boolean> {
    return true;
  }

  /** The wrapped keys of a person, the newest last. */
  slots(personId: string): readonly KeySlot[] {
    return this.#indexesOf(personId).map((index) => this.#file.slot(index));
  }

  find(personId: string, keyId: string): PersonKey | undefined {
    const slot = this.slots(personId).find((each) => each.keyId === keyId);
    return slot && this.#unwrap(slot);
  }

  async forSealing(personId: string, keyId: string | undefined): Promise<PersonKey> {
    const named = keyId === undefined ? undefined : this.find(personId, keyId);
    const newest = this.slots(personId).at(-1);
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
    const isHere = this.slots(personId).some((slot) => slot.keyId === keyId);
    if (isHere) await this.#destroy(personId, (slot) => slot.keyId === keyId);
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
    const { meant = [], staying = [] } = Object.groupBy(this.#indexesOf(personId), (index) =>
      isMeant(this.#file.slot(index)) ? "meant" : "staying",
    );
    // From here on nobody finds them; the file wipes damaged slots even where there are none.
    if (staying.length > 0) this.#indexes.set(nameOf(personId), staying);
    else this.#indexes.delete(nameOf(personId));
    await this.#file.wipe(meant);
  }

  #unwrap(slot: KeySlot): PersonKey | undefined {
    const key = this.#masters.current.unwrap(slot.wrapped, slot.owner);
    return key === undefined ? undefined : { keyId: slot.keyId, key };
  }

  #indexesOf(personId: string): readonly number[] {
    return this.#indexes.get(nameOf(personId)) ?? [];
  }

  async #add(owner: Buffer, key: Uint8Array): Promise<void> {
    const { current } = this.#masters;
    const slot = KeySlot.of(owner, current.id, current.wrap(key, owner));
    this.#keep(slot, await this.#file.add(slot));
  }

  #keep({ personName }: KeySlot, index: number): void {
    const before = this.#indexes.get(personName);
    this.#indexes.set(personName, before === undefined ? [index] : [...before, index]);
  }

  async #take(): Promise<void> {
    const { current, previous } = this.#masters;
    const former: number[] = [];
    let unknown = 0;
    for (const [index, slot] of this.#file.entries()) {
      if (slot.masterId.equals(current.id)) this.#keep(slot, index);
      else if (previous !== undefined && slot.masterId.equals(previous.id)) former.push(index);
      else unknown += 1;
    }
    if (unknown > 0) {
      throw new StartError(
        "personal_data_key_wrong",
        `${unknown} keys of persons were wrapped by another master key than MIZAN_PERSONAL_DATA_KEY; ` +
          "name it as MIZAN_PERSONAL_DATA_KEY_PREVIOUS, and they are wrapped anew",
      );
    }
    for (let start = 0; previous !== undefined && start < former.length; start += WRAPPED_AT_ONCE) {
      await this.#wrapAnew(former.slice(start, start + WRAPPED_AT_ONCE), previous);
    }
  }

  /** Into other slots first: whenever the process ends, each key is in one slot at least. */
  async #wrapAnew(former: readonly number[], previous: MasterKey): Promise<void> {
    await Promise.all(
      former.map(async (index) => {
        const slot = this.#file.slot(index);
        const isDone = this.slots(slot.personId).some(({ keyId }) => keyId === slot.keyId);
        const key = isDone ? undefined : previous.unwrap(slot.wrapped, slot.owner);
        if (key !== undefined) await this.#add(slot.owner, key);
      }),
    );
    await this.#file.wipe(former);
  }
}

function nameOf(personId: string): string {
  return personId.replaceAll("-", "");
}
