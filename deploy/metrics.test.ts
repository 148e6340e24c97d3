/** What a ledger exposes: its page of metrics is true, and Prometheus' own tool has nothing to say against it. */

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ADMIN_KEY, LedgerProcess } from "../test/ledger-process.ts";
import { familiesOf, scrape } from "../test/scrape.ts";
import { promtoolPath } from "./promtool/promtool.ts";

const promtool = promtoolPath();
const page = readFileSync(new URL("./METRICS.md", import.meta.url), "utf8");
const OWNER = "01900000-0000-7000-8000-000000000001";

let ledger: LedgerProcess;

beforeAll(async () => {
  ledger = await LedgerProcess.create({ MIZAN_SHARDS: "2", MIZAN_LOG_LEVEL: "silent" });
  await ledger.start();
  const opened = await fetch(`${ledger.url}/api/v1/wallets`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${ADMIN_KEY}`,
      "content-type": "application/json",
      "idempotency-key": "open",
    },
    body: JSON.stringify({ ownerId: OWNER, currency: "EGP" }),
  });
  expect(opened.status).toBe(201);
});
afterAll(() => ledger.dispose());

/** The rows of the page's tables, by name of the metric. */
function documented(): Map<string, { type: string; labels: string; help: string }> {
  const rows = page.matchAll(/^\| `(\w+)` \| (\w+) \| ([\w, ]*) \| (.*) \|$/gm);
  return new Map(Array.from(rows, ([, name, type, labels, help]) => [name, { type, labels, help }]));
}

test("the page has every metric with its type, labels and meaning, and no other", async () => {
  const rows = documented();
  const families = familiesOf(await scrape(ledger.url, ADMIN_KEY));
  expect([...rows.keys()].sort()).toEqual([...families.keys()].sort());
  for (const { name, type, help, labels } of families.values()) {
    const row = rows.get(name);
    expect({ name, type: row?.type, help: row?.help }).toEqual({ name, type, help });
    if (labels.length > 0) expect(`${name}: ${row?.labels}`).toBe(`${name}: ${labels.join(", ")}`);
  }
});

test.skipIf(promtool === undefined)("promtool check metrics passes", async () => {
  const { status, stdout, stderr } = spawnSync(promtool ?? "", ["check", "metrics"], {
    input: await scrape(ledger.url, ADMIN_KEY),
    encoding: "utf8",
  });
  expect({ status, said: stdout + stderr }).toEqual({ status: 0, said: "" });
});

test("whoever prefers OpenMetrics gets it, beside those who want plain text", async () => {
  const ask = async (accept: string): Promise<{ type: string | null; text: string }> => {
    const headers = { authorization: `Bearer ${ADMIN_KEY}`, accept };
    const response = await fetch(`${ledger.url}/metrics`, { headers });
    return { type: response.headers.get("content-type"), text: await response.text() };
  };
  for (let round = 0; round < 2; round += 1) {
    const open = await ask("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2");
    expect(open.type).toContain("application/openmetrics-text; version=1.0.0");
    expect(open.text).toMatch(/^# TYPE mizan_commands counter$/m);
    expect(open.text).toMatch(/^mizan_commands_total\{shard="\d",type="CreateWallet",result="accepted"\} 1$/m);
    expect(open.text).toMatch(/# EOF\n$/);
    for (const accept of ["*/*", "text/plain", "text/plain, application/openmetrics-text;q=0.1"]) {
      const plain = await ask(accept);
      expect(plain.type).toContain("text/plain; version=0.0.4");
      expect(plain.text).toMatch(/^# TYPE mizan_commands_total counter$/m);
    }
  }
});

test("what happens is counted: the command, its stages, its frame", async () => {
  const text = await scrape(ledger.url, ADMIN_KEY);
  const value = (sample: string): number => {
    const shards = [...text.matchAll(/^(\w+\{[^}]*\}|\w+) (\S+)$/gm)];
    return shards.filter(([, name]) => name.includes(sample)).reduce((sum, [, , number]) => sum + Number(number), 0);
  };
  expect(value('type="CreateWallet",result="accepted"')).toBe(1);
  for (const stage of ["queue", "decide", "sync", "reply"]) {
    const counted = [0, 1].map((shard) => value(`mizan_stage_seconds_count{shard="${shard}",stage="${stage}"}`));
    expect([stage, counted.reduce((sum, count) => sum + count) > 0]).toEqual([stage, true]);
  }
  expect(value("mizan_request_seconds_count")).toBeGreaterThan(0);
  expect(value("mizan_frame_records_count")).toBeGreaterThan(0);
  expect(value("mizan_trial_balance_off_minor")).toBe(0);
  expect(value("mizan_disk_free_bytes")).toBeGreaterThan(0);
  expect(value("mizan_ready")).toBe(1);
});
