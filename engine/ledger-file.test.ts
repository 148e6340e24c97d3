import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openLedgerFile, readLedgerFile } from "./ledger-file.ts";

const ASKED = { shards: 2, calendarTimeZone: undefined };

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "mizan-ledger-file-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test("a first start that ended before the file had its name is followed by another first start", () => {
  writeFileSync(join(directory, "mizan.json.unfinished"), '{ "formatVersion": 1, "ledg');
  const ledger = openLedgerFile(directory, ASKED, 1);
  expect(ledger.shards).toBe(2);
  expect(openLedgerFile(directory, ASKED, 1)).toEqual(ledger);
});

test("a flipped bit is told, or changes nothing that was fixed", () => {
  const ledger = openLedgerFile(directory, ASKED, 1);
  const path = join(directory, "mizan.json");
  const bytes = readFileSync(path);
  let told = 0;
  for (let bit = 0; bit < bytes.byteLength * 8; bit += 1) {
    const damaged = Buffer.from(bytes);
    damaged[bit >>> 3] ^= 1 << (bit & 7);
    writeFileSync(path, damaged);
    try {
      expect(readLedgerFile(directory), `bit ${bit}`).toEqual(ledger);
    } catch (error) {
      if (error instanceof Error && /is damaged|has format version/.test(error.message)) told += 1;
      else throw error;
    }
  }
  expect(told).toBeGreaterThan(bytes.byteLength * 6);
});

test("a file of version 0.1, which has no checksum, is read", () => {
  const { calendarTimeZone: _, ...ledger } = openLedgerFile(directory, ASKED, 1);
  writeFileSync(join(directory, "mizan.json"), JSON.stringify(ledger));
  expect(readLedgerFile(directory)).toEqual({ ...ledger, calendarTimeZone: "Africa/Cairo" });
});
