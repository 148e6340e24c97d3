/**
 * What is known of persons is in no file but sealed, in no line of the log, in no trace and on no page, also where requests fail, are
 * slow and are logged at the finest level. Everything that is compressed is looked at as it was before.
 */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { JournalReader } from "../engine/journal/journal-reader.ts";
import { loadConfig } from "../gateway/config.ts";
import { createLog } from "../gateway/log.ts";
import { type RunningServer, startServer } from "../gateway/server.ts";
import { RecentLines } from "../gateway/status/recent-lines.ts";
import { UuidV7 } from "../protocol/ids.ts";
import { ChunkPool } from "../snapshots/chunk-pool.ts";
import { listSnapshots } from "../snapshots/snapshot-directory.ts";
import { SnapshotReader } from "../snapshots/snapshot-reader.ts";
import { keySlots } from "./key-slots.ts";
import { OtlpReceiver } from "./otlp-receiver.ts";
import { PEOPLE_ENV } from "./person-contract.ts";
import { WireClient, type WireCommand } from "./wire-client.ts";

const ADMIN_KEY = "test-admin-key-0123456789";
const PEOPLE = 40;
const BATCH = 4_000;
const BATCHES = 24;

const dataDir = mkdtempSync(join(tmpdir(), "mizan-personal-data-"));
const ids = new UuidV7();
const recentLines = new RecentLines();
let logged = "";
let pages = "";
let traced = "";
let erasedKeys: readonly Buffer[];
let server: RunningServer;
let receiver: OtlpReceiver;

interface Person {
  readonly id: string;
  readonly data: Readonly<Record<string, string>>;
}

/** Values that are found nowhere by chance. */
const people = Array.from({ length: PEOPLE }, (_, index): Person => {
  const digits = String(index).padStart(2, "0");
  return {
    id: ids.next(),
    data: {
      name: `Zarqa${digits} أمينة${digits} Mubarak${digits}`,
      nationalId: `287031401${digits}447`,
      birthDate: "1987-03-14",
      phone: `+2012298761${digits}`,
      email: `zarqa.${digits}@clinic.example.com`,
    },
  };
});
const values = people.flatMap(({ data }) => Object.values(data)).concat("Zarqa", "أمينة", "Mubarak", "clinic.example");

async function send(method: string, path: string, body?: object): Promise<Response> {
  return fetch(`http://127.0.0.1:${server.port}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${ADMIN_KEY}`,
      "content-type": "application/json",
      "idempotency-key": ids.next(),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

/** Whether a text stands in some bytes: as UTF-8, as UTF-16, escaped in JSON, or in base64, wherever its bytes begin. */
function holds(bytes: Buffer, value: string): boolean {
  const utf8 = Buffer.from(value);
  const escaped = [...value].map((each) =>
    each > "\x7f" ? `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}` : each,
  );
  const shapes = [value, Buffer.from(value, "utf16le"), escaped.join(""), utf8.toString("hex")];
  for (let shift = 0; shift < 3; shift += 1) {
    const shifted = Buffer.concat([Buffer.alloc(shift), utf8]);
    // Neighbours have a part in the first and last characters.
    const whole = shifted.subarray(0, shifted.length - (shifted.length % 3)).subarray(shift === 0 ? 0 : 3);
    shapes.push(whole.toString("base64"), whole.toString("base64url"));
  }
  return shapes.some((shape) => bytes.includes(shape));
}

function found(bytes: Buffer): readonly string[] {
  return values.filter((value) => holds(bytes, value));
}

function filesIn(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

function journalReader(): JournalReader {
  const archiveDirectory = join(dataDir, "archive", "shard-0");
  return new JournalReader({ directory: join(dataDir, "shard-0"), archiveDirectory, shard: 0, control: undefined });
}

/** Frames that only the archive has, uncompressed. */
function archived(): Buffer {
  const reader = journalReader();
  const frames = [...reader.frames(1)].filter(({ file }) => file.endsWith(".mza"));
  const bytes = Buffer.concat(frames.map((frame) => frame.bytes.slice()));
  reader.close();
  return bytes;
}

async function snapshots(): Promise<Buffer> {
  const pool = new ChunkPool(1);
  const parts: Uint8Array[] = [];
  for (const { path } of listSnapshots(join(dataDir, "shard-0", "snapshots"))) {
    const reader = SnapshotReader.open(path);
    for await (const { raw } of reader.restore(pool)) parts.push(raw);
    reader.close();
  }
  await pool.close();
  return Buffer.concat(parts);
}

/** Pushes what came before into the archive. */
async function fillSegments(): Promise<void> {
  const client = await WireClient.connect(server.port, ADMIN_KEY);
  const [walletId, counterpartyId, ownerId] = [ids.next(), ids.next(), ids.next()];
  await client.commands(
    [walletId, counterpartyId].flatMap((each): WireCommand[] => [
      { id: ids.next(), operation: "CreateWallet", walletId: each, counterpartyId: ownerId, currency: "EGP" },
      { id: ids.next(), operation: "ActivateWallet", walletId: each },
      { id: ids.next(), operation: "Credit", walletId: each, amountMinor: 1_000_000 },
    ]),
  );
  for (let batch = 0; batch < BATCHES; batch += 1) {
    const commands = Array.from(
      { length: BATCH },
      (): WireCommand => ({ id: ids.next(), operation: "Transfer", walletId, counterpartyId, amountMinor: 1 }),
    );
    await client.commands(commands);
  }
  client.close();
}

/** The wrapped keys of persons in the key file. */
function keysOf(wanted: readonly Person[]): readonly Buffer[] {
  return keySlots(dataDir)
    .filter(({ personId }) => wanted.some(({ id }) => id === personId))
    .map(({ wrapped }) => wrapped);
}

beforeAll(async () => {
  receiver = await OtlpReceiver.open();
  const config = loadConfig({
    ...PEOPLE_ENV,
    MIZAN_PORT: "0",
    MIZAN_DATA_DIR: dataDir,
    MIZAN_SHARDS: "1",
    MIZAN_ADMIN_KEY: ADMIN_KEY,
    MIZAN_SNAPSHOT_KEEP: "1",
    MIZAN_LOG_LEVEL: "trace",
    MIZAN_SLOW_REQUEST_MS: "1",
    MIZAN_OTLP_ENDPOINT: receiver.url,
    MIZAN_TRACE_SAMPLE_RATIO: "1",
  });
  const log = createLog(config, recentLines, { write: (line) => (logged += line) });
  // Far shorter segments than may be set, so that a short run archives some.
  const short = { ...config, journalSegmentBytes: 1 << 20 };
  server = await startServer(short, log, (message) => (logged += message), undefined, recentLines);

  for (const { id, data } of people) {
    expect((await send("POST", "/api/v1/people", { id, ...data })).status).toBe(201);
    expect((await send("PUT", `/api/v1/people/${id}`, data)).status).toBe(200);
    expect(await (await send("GET", `/api/v1/people/${id}`)).json()).toMatchObject(data);
  }
  const [{ data }] = people;
  for (const wrong of [
    { phone: `${data.phone}9999999999` },
    { [String(data.name)]: 1 },
    { nationalId: [data.nationalId] },
  ]) {
    const answer = await send("POST", "/api/v1/people", { id: ids.next(), ...data, ...wrong });
    pages += await answer.text();
    expect(answer.status).toBe(400);
  }
  expect((await send("POST", "/api/v1/people", { id: people[0].id, ...data })).status).toBe(409);
  pages += await (await send("POST", `/api/v1/people?name=${data.email}`, { ...data })).text();
  const gone = people.slice(0, PEOPLE / 2);
  erasedKeys = keysOf(gone).map((key) => Buffer.from(key));
  for (const { id } of gone) {
    expect((await send("POST", `/api/v1/people/${id}/erase`, { reason: "REQUESTED" })).status).toBe(200);
  }
  await fillSegments();
  expect((await send("POST", "/api/v1/snapshots", {})).status).toBe(201);
  for (const page of ["/metrics", "/statusz", "/api/v1/sagas", "/openapi.json"])
    pages += await (await send("GET", page)).text();
  await server.stop();
  traced = JSON.stringify(receiver.spans);
  await receiver.close();
}, 180_000);

afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

describe("what is known of persons", () => {
  test("is in no file of the data directory", () => {
    const files = filesIn(dataDir);
    expect(files.some((file) => file.endsWith(".mdb"))).toBe(true);
    expect(files.some((file) => file.endsWith(".mza"))).toBe(true);
    for (const file of files) expect({ file, found: found(readFileSync(file)) }).toEqual({ file, found: [] });
  });

  test("is in no archived frame, and sealed in those of the people", () => {
    const bytes = archived();
    for (const { id } of people) expect(bytes.includes(id)).toBe(true);
    expect(bytes.includes("PersonRegistered")).toBe(true);
    expect(found(bytes)).toEqual([]);
  });

  test("is in no snapshot, where those who are erased have nothing sealed any more", async () => {
    const bytes = await snapshots();
    expect(bytes.includes("ERASED")).toBe(true);
    expect(found(bytes)).toEqual([]);
    expect(bytes.toString("latin1").split("sealed").length - 1).toBe(PEOPLE / 2);
  });

  test("is in no line of the log, no trace and no page", () => {
    expect(logged).toContain("slow request");
    expect(receiver.spans.length).toBeGreaterThan(0);
    for (const text of [logged, traced, pages, JSON.stringify(recentLines.lines)])
      expect(found(Buffer.from(text))).toEqual([]);
  });

  test("would be found", () => {
    const [{ data }] = people;
    for (const value of Object.values(data)) {
      for (const lead of ["", "a", "ab"]) {
        const text = Buffer.from(`${lead}${value}z`);
        expect(found(text)).toContain(value);
        expect(found(Buffer.from(text.toString("base64")))).toContain(value);
      }
      expect(found(Buffer.from(`x${value}`, "utf16le"))).toContain(value);
    }
  });
});

test("the key of a person who is erased is in no file", () => {
  expect(erasedKeys).toHaveLength(PEOPLE / 2);
  expect(keysOf(people)).toHaveLength(PEOPLE / 2);
  for (const file of filesIn(dataDir)) {
    const bytes = readFileSync(file);
    for (const key of erasedKeys) expect(bytes.includes(key) || bytes.includes(key.subarray(12, 44))).toBe(false);
  }
});
