/** A crowd of dashboards, in small numbers, against a ledger of its own. */

import { rmSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { ChildGroup } from "../child-group.ts";
import { assertRoom, localAddressOf } from "../load/crowd-room.ts";
import { resultSchema } from "../load/result.ts";
import { scratchDirectory } from "../run.ts";
import { formatConnections } from "./connections-summary.ts";
import { LoadTarget } from "./load-target.ts";
import { LoadUsageError, type Profile, profileSchema, readProfile } from "./profile.ts";
import { ProfileRun } from "./profile-run.ts";

const RUN_MS_MAX = 240_000;
const group = new ChildGroup();
const directory = scratchDirectory();
afterAll(async () => {
  await group.endAll();
  rmSync(directory, { recursive: true });
}, RUN_MS_MAX);

/** 200 dashboards, 20 of them active; a restart after two seconds, strangers after four. */
function smallProfile(): Profile {
  const { connections: crowd, ...full } = readProfile("connections");
  return profileSchema.parse({
    ...full,
    stages: [{ name: "all", durationSeconds: 6, ratePerSecond: 200, connections: 4 }],
    wallets: { ...full.wallets, count: 100 },
    connections: {
      ...crowd,
      dashboards: 200,
      quietWallets: 500,
      askSeconds: 0.5,
      restart: { ...crowd?.restart, atSeconds: 2 },
      hostile: { atSeconds: 4, slow: 3, silent: 3 },
      thresholds: {},
    },
    thresholds: {},
    // Slow ones have enough waiting to be slow, whatever the system's own buffers take.
    ledger: { ...full.ledger, settings: { ...full.ledger.settings, MIZAN_IDLE_TIMEOUT_MS: "8000" } },
  });
}

test("through a restart nobody loses an update, and strangers are ended with their code", {
  timeout: RUN_MS_MAX,
}, async () => {
  const profile = smallProfile();
  const target = await LoadTarget.open(group, profile, undefined, () => directory);
  const options = { group, profile, target, seed: 7, onInterval: () => {} };
  const result = resultSchema.parse(await new ProfileRun(options).run());
  expect(result.books.checks.filter(({ agrees }) => !agrees)).toEqual([]);
  expect(result.books.checks.map(({ name }) => name)).toContain("dashboards");
  const found = result.connections;
  if (found === undefined) throw new Error("the result has no connections");
  expect(found).toMatchObject({
    dashboards: 200,
    active: 20,
    streams: { faults: 0, behind: 0 },
    silent: { opened: 3, ended: [{ how: "the server closed: 1013 idle_timeout", count: 3 }] },
  });
  expect(found.slow.ended.reduce((sum, { count }) => sum + count, 0)).toBe(3);
  expect(found.streams.changes).toBeGreaterThan(0);
  // Every subscription began with a state, and those whose wallet had changed meanwhile with another one.
  expect(found.streams.states - found.streams.resets).toBe(200 * 10);
  expect(found.storm?.attempts).toBeGreaterThanOrEqual(200);
  expect(found.memory.map(({ when }) => when)).toEqual([
    "without",
    "connected",
    "following",
    "after restart",
    "at the end",
  ]);
  expect(found.memory[1].connections).toBeGreaterThanOrEqual(200);
  expect(found.commands.find(({ name }) => name === "before")?.answered).toBeGreaterThan(0);
  expect(formatConnections(found).join("\n")).toMatch(/everybody back/);
  await target.close();
});

test("a restart of a ledger that is not its own is refused", { timeout: RUN_MS_MAX }, async () => {
  const profile = smallProfile();
  const own = await LoadTarget.open(group, profile, undefined, () => directory);
  const remote = await LoadTarget.open(group, profile, own.endpoint, () => directory);
  const run = new ProfileRun({ group, profile, target: remote, seed: 7, onInterval: () => {} });
  await expect(run.run()).rejects.toThrow(LoadUsageError);
  await own.close();
});

test("what does not fit is refused with a code that says how many would", () => {
  expect(() => assertRoom(10_000, "127.0.0.1", 4_096)).toThrow(/too_few_open_files: 10000 .* 3896 would/);
  expect(() => assertRoom(30_000, "10.0.0.1", 100_000)).toThrow(/too_few_ports: 30000 .* 20000 would/);
  expect(() => assertRoom(30_000, "127.0.0.1", 100_000)).not.toThrow();
  expect([0, 19_999, 20_000, 45_000].map((connection) => localAddressOf(connection, "127.0.0.1"))).toEqual([
    undefined,
    undefined,
    "127.0.0.2",
    "127.0.0.3",
  ]);
  expect(localAddressOf(20_000, "10.0.0.1")).toBeUndefined();
});
