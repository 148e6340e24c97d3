/** How a ledger process starts, refuses to start, and stops. */

import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { UuidV7 } from "../protocol/ids.ts";
import { LedgerProcess } from "../test/ledger-process.ts";
import {
  applyAnswered,
  checkBooks,
  openingBalances,
  openWallets,
  randomFrom,
  type Sent,
  settle,
  write,
} from "../test/writers.ts";
import { CONFIG_TABLE, loadConfig } from "./config.ts";

const ledgers: LedgerProcess[] = [];
afterEach(async () => {
  for (const ledger of ledgers.splice(0)) await ledger.dispose();
});

async function create(env: NodeJS.ProcessEnv = {}): Promise<LedgerProcess> {
  const ledger = await LedgerProcess.create(env);
  ledgers.push(ledger);
  return ledger;
}

describe("start", () => {
  test("says in one line that it serves", async () => {
    const ledger = await create({ MIZAN_SHARDS: "1", MIZAN_LOG_LEVEL: "silent" });
    await ledger.start();
    expect(ledger.output.trim()).toBe(`Mizan serves ${ledger.url} with 1 shard, data in ${ledger.dataDir}`);
  });

  test("shows a generated admin key once, and keeps only its hash", async () => {
    const ledger = await create({ MIZAN_ADMIN_KEY: undefined, MIZAN_SHARDS: "1", MIZAN_LOG_LEVEL: "silent" });
    await ledger.start();
    const key = /admin API key, shown this once: (\S+)/.exec(ledger.output)?.[1] ?? "";
    const books = await fetch(`${ledger.url}/api/v1/trial-balance`, { headers: { authorization: `Bearer ${key}` } });
    expect(books.status).toBe(200);
    expect(await ledger.end("SIGTERM")).toBe(0);
    expect(readFileSync(join(ledger.dataDir, "shard-0", "segment-00000001.mdb")).includes(key)).toBe(false);
    await ledger.start();
    expect(ledger.output).not.toContain("admin API key");
    const again = await fetch(`${ledger.url}/api/v1/trial-balance`, { headers: { authorization: `Bearer ${key}` } });
    expect(again.status).toBe(200);
  });

  test("refuses a port that is in use", async () => {
    const ledger = await create();
    const other = createServer().listen(ledger.port, "127.0.0.1");
    expect(await ledger.run()).toBe(1);
    other.close();
    expect(ledger.output).toContain("port_in_use: cannot listen on 127.0.0.1");
  });

  test("refuses a data directory that another process uses, and takes it when that was killed", async () => {
    const first = await create();
    await first.start();
    const second = await create({ MIZAN_DATA_DIR: first.dataDir });
    expect(await second.run()).toBe(1);
    expect(second.output).toContain("data_dir_locked");
    await first.end("SIGKILL");
    await second.start();
  });

  test("refuses a data directory that cannot be written", async () => {
    const ledger = await create();
    const file = join(ledger.dataDir, "file");
    writeFileSync(file, "");
    const onFile = await create({ MIZAN_DATA_DIR: join(file, "data") });
    expect(await onFile.run()).toBe(1);
    expect(onFile.output).toContain("data_dir_unwritable");
  });

  test("passes over settings of load profiles; refuses another number of shards than the data has, and names the way out", async () => {
    const ledger = await create({ MIZAN_SHARDS: "2", MIZAN_LOAD_P99_MS: "5" });
    await ledger.start();
    await ledger.end("SIGTERM");
    const other = await create({ MIZAN_SHARDS: "3", MIZAN_DATA_DIR: ledger.dataDir });
    expect(await other.run()).toBe(1);
    expect(other.output).toMatch(/engine_failed: .*MIZAN_SHARDS=2, not 3.*Start with MIZAN_SHARDS=2/);
  });

  test.each([
    [{ MIZAN_PROT: "1" }, "MIZAN_PROT: no such setting"],
    [{ MIZAN_PORT: "99999" }, "MIZAN_PORT=99999: must be a whole number from 0 to 65535"],
    [{ MIZAN_ADMIN_KEY: "short" }, "MIZAN_ADMIN_KEY: must be 16 to 255"],
    [{ MIZAN_REQUEST_RING_BYTES: "5000000" }, "must be a power of two"],
    [{ MIZAN_LOG_LEVEL: "loud" }, "must be one of"],
    [{ MIZAN_OTLP_ENDPOINT: "collector:4318" }, "must be an http or https URL"],
    [{ MIZAN_TRACE_SAMPLE_RATIO: "1.5" }, "MIZAN_TRACE_SAMPLE_RATIO=1.5: must be a number from 0 to 1"],
    [{ MIZAN_OTLP_ENDPOINT: "http://localhost:4318", MIZAN_STAGE_TIMES: "off" }, "needs MIZAN_STAGE_TIMES=on"],
  ])("refuses %j", (env, message) => {
    expect(() => loadConfig(env)).toThrow(message);
  });

  test("README has the table of settings as the program has it", () => {
    const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
    for (const { name, default: fallback, unit, meaning } of CONFIG_TABLE) {
      expect(readme).toContain(`| \`${name}\` | ${fallback} | ${unit} | ${meaning} |`);
    }
  });
});

describe("stop", () => {
  test.each([1, 2])(
    "on SIGTERM under load, with %i shards: exit 0, and everything acknowledged is kept",
    async (shards) => {
      const ledger = await create({ MIZAN_SHARDS: String(shards) });
      await ledger.start();
      const ids = new UuidV7();
      const wallets = await openWallets(ledger, ids);
      const balances = openingBalances(wallets);
      const sent: Sent[] = [];
      const writers = Array.from({ length: 4 }, () => write(ledger, wallets, ids, randomFrom(shards), sent));
      await delay(200);
      expect(await ledger.end("SIGTERM")).toBe(0);
      await Promise.all(writers);
      expect(sent.some(({ result }) => result?.code === "ok")).toBe(true);
      await ledger.start();
      await settle(ledger, sent);
      applyAnswered(balances, sent);
      await checkBooks(ledger, balances);
    },
  );
});
