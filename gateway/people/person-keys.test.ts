import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { UuidV7 } from "../../protocol/ids.ts";
import { keySlots } from "../../test/key-slots.ts";
import { keyFilePath } from "./key-file.ts";
import { SLOT_BYTES } from "./key-slot.ts";
import { MasterKey } from "./master-key.ts";
import { PersonKeys } from "./person-keys.ts";

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

function fileBytes(): Buffer {
  return readFileSync(keyFilePath(directory));
}

describe("the keys of persons", () => {
  test("are there again after a start, and the file is for its owner alone", async () => {
    const keys = await openKeys();
    const people = Array.from({ length: 40 }, () => ids.next());
    const made = await Promise.all(people.map((id) => keys.make(id)));
    expect(new Set(made.map(({ keyId }) => keyId)).size).toBe(people.length);
    const again = await openKeys();
    expect(again.personIds()).toEqual(people);
    for (const [index, id] of people.entries()) {
      expect(again.find(id)).toEqual(made[index]);
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
    await keys.make(gone);
    await keys.make(stays);
    const newest = await keys.make(gone);
    expect(keys.find(gone)).toEqual(newest);
    const wrapped = keySlots(directory)
      .filter(({ personId }) => personId === gone)
      .map((slot) => Buffer.from(slot.wrapped));
    expect(wrapped).toHaveLength(2);
    await keys.destroy(gone);
    expect(keys.find(gone)).toBeUndefined();
    for (const bytes of wrapped) {
      expect(fileBytes().includes(bytes)).toBe(false);
      expect(fileBytes().includes(bytes.subarray(12, 28))).toBe(false);
    }
    expect(keySlots(directory).map(({ personId }) => personId)).toEqual([stays]);
    await keys.destroy(gone);
    await Promise.all([keys.make(ids.next()), keys.make(ids.next())]);
    expect(fileBytes()).toHaveLength(3 * SLOT_BYTES);
    expect((await openKeys()).personIds()).toHaveLength(3);
  });

  test("that a crash or a disk has damaged are counted and passed over, and wiped with the next erasure", async () => {
    const keys = await openKeys();
    const [sound, damaged] = [ids.next(), ids.next()];
    await keys.make(sound);
    await keys.make(damaged);
    const bytes = fileBytes();
    const key = bytes.subarray(SLOT_BYTES + 60, SLOT_BYTES + 90);
    bytes[SLOT_BYTES + 50] ^= 1;
    // The last write came half to the disk.
    writeFileSync(keyFilePath(directory), Buffer.concat([bytes, bytes.subarray(0, 60)]));
    const again = await openKeys();
    expect(again.damagedCount).toBe(2);
    expect(again.personIds()).toEqual([sound]);
    expect(again.find(damaged)).toBeUndefined();
    await again.make(ids.next());
    expect(fileBytes().includes(key)).toBe(true);
    await again.destroy(damaged);
    expect(fileBytes().includes(key)).toBe(false);
    expect((await openKeys()).damagedCount).toBe(0);
    expect((await openKeys()).find(sound)).toEqual(keys.find(sound));
  });

  test("are wrapped anew under a new master key, and nothing under the old one is left", async () => {
    const keys = await openKeys();
    const people = Array.from({ length: 5 }, () => ids.next());
    const made = await Promise.all(people.map((id) => keys.make(id)));
    const before = keySlots(directory).map((slot) => Buffer.from(slot.wrapped));
    await expect(openKeys(SECOND)).rejects.toMatchObject({ code: "personal_data_key_wrong" });
    const rotated = await openKeys(SECOND, FIRST);
    expect(people.map((id) => rotated.find(id))).toEqual(made);
    for (const wrapped of before) expect(fileBytes().includes(wrapped)).toBe(false);
    expect(keySlots(directory)).toHaveLength(people.length);
    const later = await openKeys(SECOND);
    expect(people.map((id) => later.find(id))).toEqual(made);
    await expect(openKeys(FIRST)).rejects.toMatchObject({ code: "personal_data_key_wrong" });
  });

  test("that were wrapped anew when the process ended are there once", async () => {
    const id = ids.next();
    const made = await (await openKeys()).make(id);
    const old = fileBytes();
    await openKeys(SECOND, FIRST);
    // As if the old slot had not been wiped yet.
    const both = Buffer.concat([old, fileBytes().subarray(SLOT_BYTES)]);
    writeFileSync(keyFilePath(directory), both);
    const again = await openKeys(SECOND, FIRST);
    expect(again.find(id)).toEqual(made);
    expect(keySlots(directory)).toHaveLength(1);
    await again.destroy(id);
    expect(keySlots(directory)).toHaveLength(0);
    expect(fileBytes().every((byte) => byte === 0)).toBe(true);
  });
});
