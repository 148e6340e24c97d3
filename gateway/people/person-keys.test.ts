import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { UuidV7 } from "../../protocol/ids.ts";
import { keySlots } from "../../test/key-slots.ts";
import { keyFilePath } from "./key-file.ts";
import { KeySlot, ownerOf, SLOT_BYTES } from "./key-slot.ts";
import { MasterKey } from "./master-key.ts";
import { PersonKeys } from "./person-keys.ts";
import type { PersonKey } from "./seal.ts";

const ids = new UuidV7();
const FIRST = randomBytes(32).toString("base64");
const SECOND = randomBytes(32).toString("base64");
let directory: string;
let opened: PersonKeys[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "mizan-person-keys-"));
  opened = [];
});
afterEach(async () => {
  await Promise.all(opened.map((keys) => keys.close()));
  rmSync(directory, { recursive: true });
});

async function openKeys(current = FIRST, previous?: string): Promise<PersonKeys> {
  const keys = await PersonKeys.open(keyFilePath(directory), {
    current: new MasterKey(current),
    previous: previous === undefined ? undefined : new MasterKey(previous),
  });
  opened.push(keys);
  return keys;
}

/** The key of a person, made where there is none. */
function make(keys: PersonKeys, id: string): Promise<PersonKey> {
  return keys.forSealing(id, undefined);
}

function fileBytes(): Buffer {
  return readFileSync(keyFilePath(directory));
}

describe("the keys of persons", () => {
  test("are there again after a start, and the file is for its owner alone", async () => {
    const keys = await openKeys();
    const people = Array.from({ length: 40 }, () => ids.next());
    const made = await Promise.all(people.map((id) => make(keys, id)));
    expect(new Set(made.map(({ keyId }) => keyId)).size).toBe(people.length);
    const again = await openKeys();
    expect(again.personIds()).toEqual(people);
    for (const [index, id] of people.entries()) {
      expect(await make(again, id)).toEqual(made[index]);
      expect(again.find(id, made[index].keyId)).toEqual(made[index]);
      expect(again.find(id, "00".repeat(8))).toBeUndefined();
      expect(fileBytes().includes(Buffer.from(made[index].key))).toBe(false);
    }
    expect(statSync(keyFilePath(directory)).mode & 0o777).toBe(0o600);
    expect(fileBytes()).toHaveLength(people.length * SLOT_BYTES);
  });

  test("of a person who is destroyed are nowhere in the file, and their slots are used again", async () => {
    const keys = await openKeys();
    const [gone, stays] = [ids.next(), ids.next()];
    await make(keys, gone);
    await make(keys, stays);
    // As one that was made in vain by another node.
    const owner = ownerOf(gone, "ab".repeat(8));
    const master = new MasterKey(FIRST);
    const other = KeySlot.of(owner, master.id, master.wrap(randomBytes(32), owner));
    expect(await keys.adopt(other)).toBe(true);
    expect(await keys.adopt(other)).toBe(true);
    expect((await make(keys, gone)).keyId).toBe("ab".repeat(8));
    const made = await keys.forSealing(gone, keys.slots(gone)[0].keyId);
    expect(made.keyId).not.toBe("ab".repeat(8));
    const wrapped = keySlots(directory)
      .filter(({ personId }) => personId === gone)
      .map((slot) => Buffer.from(slot.wrapped));
    expect(wrapped).toHaveLength(2);
    await keys.destroy(gone);
    expect(keys.slots(gone)).toEqual([]);
    expect(keys.find(gone, made.keyId)).toBeUndefined();
    for (const bytes of wrapped) {
      expect(fileBytes().includes(bytes)).toBe(false);
      expect(fileBytes().includes(bytes.subarray(12, 28))).toBe(false);
    }
    expect(keySlots(directory).map(({ personId }) => personId)).toEqual([stays]);
    await keys.destroy(gone);
    await Promise.all([make(keys, ids.next()), make(keys, ids.next())]);
    expect(fileBytes()).toHaveLength(3 * SLOT_BYTES);
    expect((await openKeys()).personIds()).toHaveLength(3);
  });

  test("that a crash or a disk has damaged are counted and passed over, and wiped with the next erasure", async () => {
    const keys = await openKeys();
    const [sound, damaged] = [ids.next(), ids.next()];
    await make(keys, sound);
    await make(keys, damaged);
    const bytes = fileBytes();
    const key = bytes.subarray(SLOT_BYTES + 60, SLOT_BYTES + 90);
    bytes[SLOT_BYTES + 50] ^= 1;
    // The last write came half to the disk.
    writeFileSync(keyFilePath(directory), Buffer.concat([bytes, bytes.subarray(0, 60)]));
    const again = await openKeys();
    expect(again.damagedCount).toBe(2);
    expect(again.personIds()).toEqual([sound]);
    expect(again.slots(damaged)).toEqual([]);
    await make(again, ids.next());
    expect(fileBytes().includes(key)).toBe(true);
    await again.destroy(damaged);
    expect(fileBytes().includes(key)).toBe(false);
    expect((await openKeys()).damagedCount).toBe(0);
    expect(await make(await openKeys(), sound)).toEqual(await make(keys, sound));
  });

  test("are wrapped anew under a new master key, and nothing under the old one is left", async () => {
    const keys = await openKeys();
    const people = Array.from({ length: 5 }, () => ids.next());
    const made = await Promise.all(people.map((id) => make(keys, id)));
    const before = keySlots(directory).map((slot) => Buffer.from(slot.wrapped));
    await expect(openKeys(SECOND)).rejects.toMatchObject({ code: "personal_data_key_wrong" });
    const rotated = await openKeys(SECOND, FIRST);
    expect(people.map((id, index) => rotated.find(id, made[index].keyId))).toEqual(made);
    for (const wrapped of before) expect(fileBytes().includes(wrapped)).toBe(false);
    expect(keySlots(directory)).toHaveLength(people.length);
    const later = await openKeys(SECOND);
    expect(people.map((id, index) => later.find(id, made[index].keyId))).toEqual(made);
    await expect(openKeys(FIRST)).rejects.toMatchObject({ code: "personal_data_key_wrong" });
  });

  test("that were wrapped anew when the process ended are there once", async () => {
    const id = ids.next();
    const made = await make(await openKeys(), id);
    const old = fileBytes();
    await openKeys(SECOND, FIRST);
    // As if the old slot had not been wiped yet.
    const both = Buffer.concat([old, fileBytes().subarray(SLOT_BYTES)]);
    writeFileSync(keyFilePath(directory), both);
    const again = await openKeys(SECOND, FIRST);
    expect(again.find(id, made.keyId)).toEqual(made);
    expect(keySlots(directory)).toHaveLength(1);
    await again.destroy(id);
    expect(keySlots(directory)).toHaveLength(0);
    expect(fileBytes().every((byte) => byte === 0)).toBe(true);
  });
});

test("a key that another node has made is taken only where a master key opens it", async () => {
  const keys = await openKeys(SECOND, FIRST);
  const id = ids.next();
  const owner = ownerOf(id, "cd".repeat(8));
  const key = randomBytes(32);
  const wrappedBy = (text: string): KeySlot => {
    const master = new MasterKey(text);
    return KeySlot.of(owner, master.id, master.wrap(key, owner));
  };
  expect(await keys.adopt(wrappedBy(randomBytes(32).toString("base64")))).toBe(false);
  expect(keys.personIds()).toEqual([]);
  expect(await keys.adopt(wrappedBy(FIRST))).toBe(true);
  expect(keys.find(id, "cd".repeat(8))).toMatchObject({ key });
  expect(keys.slots(id).map((slot) => keys.isCurrent(slot))).toEqual([true]);
  await keys.destroyKey(id, "00".repeat(8));
  expect(keys.personIds()).toEqual([id]);
  await keys.destroyKey(id, "cd".repeat(8));
  expect(keySlots(directory)).toEqual([]);
});

test("after a write that failed no key is made or destroyed any more, until the file is opened again", async () => {
  const keys = await openKeys();
  const id = ids.next();
  const made = await make(keys, id);
  // As a disk that takes nothing more: the handle is gone.
  await keys.close();
  opened = [];
  await expect(make(keys, ids.next())).rejects.toThrow();
  await expect(keys.destroy(id)).rejects.toThrow();
  expect(await make(await openKeys(), id)).toEqual(made);
});
