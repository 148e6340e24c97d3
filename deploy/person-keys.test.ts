/** What backup, restore, reshard and verify do with the keys of persons, on real ledgers. */

import {
  cpSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { keyFilePath } from "../gateway/people/key-file.ts";
import { SLOT_BYTES } from "../gateway/people/key-slot.ts";
import { UuidV7 } from "../protocol/ids.ts";
import { keySlots } from "../test/key-slots.ts";
import { ADMIN_KEY, LedgerProcess } from "../test/ledger-process.ts";
import { askMizan } from "../test/mizan-command.ts";
import { PEOPLE_ENV } from "../test/person-contract.ts";

const ids = new UuidV7();
const scratch = mkdtempSync(join(tmpdir(), "mizan-keys-"));
const backup = join(scratch, "backup");
const oldKeys = join(scratch, "old-keys");
const keys = join(scratch, "keys");
const stays = ids.next();
/** Erased after the backup was taken. */
const gone = ids.next();
/** Registered after it. */
const late = ids.next();
let ledger: LedgerProcess;

async function call(
  running: LedgerProcess,
  method: string,
  path: string,
  body?: object,
): Promise<Record<string, unknown>> {
  const headers = {
    authorization: `Bearer ${ADMIN_KEY}`,
    "content-type": "application/json",
    "idempotency-key": ids.next(),
  };
  const response = await fetch(`${running.url}/api/v1/people${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return (await response.json()) as Record<string, unknown>;
}

/** Makes a ledger of a directory, and serves it. */
async function served(make: (dataDir: string) => Promise<unknown>, use: (running: LedgerProcess) => Promise<void>) {
  const made = await LedgerProcess.create(PEOPLE_ENV);
  rmSync(made.dataDir, { recursive: true });
  try {
    await make(made.dataDir);
    await made.start();
    await use(made);
  } finally {
    await made.dispose();
  }
}

beforeAll(async () => {
  ledger = await LedgerProcess.create({ MIZAN_SHARDS: "2", ...PEOPLE_ENV });
  await ledger.start();
  for (const id of [stays, gone]) expect(await call(ledger, "POST", "", { id, name: "Amina" })).toMatchObject({ id });
  expect(await askMizan(["backup", ledger.dataDir, backup, "--keys", oldKeys])).toMatchObject({ keys: 2, exitCode: 0 });
  cpSync(oldKeys, keys);
  expect(await call(ledger, "POST", `/${gone}/erase`, { reason: "REQUESTED" })).toMatchObject({ status: "ERASED" });
  expect(await call(ledger, "POST", "", { id: late, name: "Amina" })).toMatchObject({ id: late });
}, 300_000);

afterAll(async () => {
  await ledger.dispose();
  rmSync(scratch, { recursive: true, force: true });
});

describe("keys of persons", () => {
  test("are in no backup, and in a file of their own where they are asked for, which keeps no key of before", async () => {
    expect(existsSync(join(backup, "person-keys"))).toBe(false);
    const [goneKey] = keySlotsOf(keys, gone);
    const before = openSync(keys, "r");
    const other = join(scratch, "other-backup");
    const copied = await askMizan(["backup", ledger.dataDir, other, "--keys", keys]);
    expect(copied).toMatchObject({ keys: 2, damagedKeys: 0, exitCode: 0 });
    expect(readFileSync(keys)).toHaveLength(2 * SLOT_BYTES);
    expect(readFileSync(keys).includes(goneKey)).toBe(false);
    expect(statSync(keys).mode & 0o777).toBe(0o600);
    // The file that stood there is unlinked, and held open here: its bytes are gone as well.
    const bytes = Buffer.alloc(2 * SLOT_BYTES, 1);
    expect(readSync(before, bytes, 0, bytes.length, 0)).toBe(bytes.length);
    expect(bytes.every((byte) => byte === 0)).toBe(true);
  }, 300_000);

  test("of before bring back who was erased since; the newest ones do not", async () => {
    await served(
      (dataDir) => askMizan(["restore", backup, dataDir, "--keys", oldKeys]),
      async (restored) => {
        expect(await call(restored, "GET", `/${gone}`)).toMatchObject({ name: "Amina" });
      },
    );
    await askMizan(["backup", ledger.dataDir, join(scratch, "newest"), "--keys", keys]);
    await served(
      async (dataDir) =>
        expect(await askMizan(["restore", backup, dataDir, "--keys", keys])).toMatchObject({ keys: 2 }),
      async (restored) => {
        expect(await call(restored, "GET", `/${stays}`)).toMatchObject({ name: "Amina" });
        expect(await call(restored, "GET", `/${gone}`)).toMatchObject({ code: "personal_data_key_missing" });
        // Nobody knows her there yet.
        await expect
          .poll(() => keySlots(restored.dataDir).map(({ personId }) => personId), { timeout: 120_000, interval: 50 })
          .toEqual([stays]);
      },
    );
  }, 600_000);

  test("that are not there are made anew when somebody gives the data again", async () => {
    await served(
      (dataDir) => askMizan(["restore", backup, dataDir]),
      async (restored) => {
        expect(await call(restored, "GET", `/${stays}`)).toMatchObject({
          code: "personal_data_key_missing",
          status: 409,
        });
        expect(await call(restored, "PUT", `/${stays}`, { name: "Amina Hassan" })).toMatchObject({
          name: "Amina Hassan",
        });
        expect(await call(restored, "GET", `/${stays}`)).toMatchObject({ name: "Amina Hassan" });
        expect(await call(restored, "POST", `/${gone}/erase`, { reason: "REQUESTED" })).toMatchObject({
          status: "ERASED",
        });
      },
    );
  }, 300_000);

  test("go along when the shards change, and with an export", async () => {
    const stopped = join(scratch, "stopped");
    await ledger.end("SIGTERM");
    cpSync(ledger.dataDir, stopped, { recursive: true });
    await served(
      async (dataDir) =>
        expect(await askMizan(["reshard", stopped, "--shards", "3", "--to", dataDir])).toMatchObject({ exitCode: 0 }),
      async (resharded) => {
        for (const id of [stays, late]) expect(await call(resharded, "GET", `/${id}`)).toMatchObject({ name: "Amina" });
        expect(await call(resharded, "GET", `/${gone}`)).toMatchObject({ status: "ERASED" });
      },
    );
    const file = join(scratch, "events.jsonl");
    expect(await askMizan(["export", stopped, "--out", file])).toMatchObject({ exitCode: 0 });
    expect(readFileSync(file, "utf8")).not.toContain("Amina");
    await served(
      async (dataDir) =>
        expect(await askMizan(["import", file, dataDir, "--keys", keyFilePath(stopped)])).toMatchObject({
          exitCode: 0,
        }),
      async (imported) => expect(await call(imported, "GET", `/${late}`)).toMatchObject({ name: "Amina" }),
    );
    const bytes = readFileSync(keyFilePath(stopped));
    bytes[40] ^= 1;
    writeFileSync(keyFilePath(stopped), bytes);
    expect(await askMizan(["verify", stopped])).toMatchObject({
      ok: false,
      problems: [{ file: keyFilePath(stopped), problem: "damaged slots: 1" }],
    });
    expect(
      await askMizan(["backup", stopped, join(scratch, "damaged"), "--keys", join(scratch, "sound")]),
    ).toMatchObject({
      keys: 1,
      damagedKeys: 1,
      exitCode: 0,
    });
  }, 600_000);

  test("must be where they are said to be", async () => {
    const target = join(scratch, "nowhere");
    const missing = join(scratch, "missing");
    expect(await askMizan(["restore", backup, target, "--keys", missing])).toMatchObject({
      error: { code: "keys_missing" },
      exitCode: 2,
    });
    expect(existsSync(target)).toBe(false);
  }, 300_000);
});

/** The wrapped keys of a person in a file. */
function keySlotsOf(file: string, id: string): readonly Buffer[] {
  const aside = mkdtempSync(join(scratch, "slots-"));
  cpSync(file, keyFilePath(aside));
  return keySlots(aside)
    .filter(({ personId }) => personId === id)
    .map(({ wrapped }) => wrapped);
}
