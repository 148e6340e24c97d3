import { rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OPERATION, RECORD } from "../../protocol/command-record.ts";
import { UuidV7 } from "../../protocol/ids.ts";
import { RECORD_BYTES } from "../../protocol/limits.ts";
import { ChildGroup } from "../child-group.ts";
import { Ledger } from "../ledger.ts";
import { type LoadResult, resultSchema } from "../load/result.ts";
import { scratchDirectory } from "../run.ts";
import { LoadTarget } from "./load-target.ts";
import { type Profile, profileSchema, readProfile } from "./profile.ts";
import { ProfileRun } from "./profile-run.ts";

const RUN_MS_MAX = 180_000;
const group = new ChildGroup();
const directory = scratchDirectory();
let ledger: Ledger;

beforeAll(async () => {
  ledger = await Ledger.start(group, { shards: 2, directory, profileDir: undefined, wallets: 0 });
}, RUN_MS_MAX);
afterAll(async () => {
  await group.endAll();
  rmSync(directory, { recursive: true });
}, RUN_MS_MAX);

function profileOf(changes: Partial<Profile>): Profile {
  const smoke = readProfile("smoke");
  const wallets = { ...smoke.wallets, count: 200 };
  return profileSchema.parse({ ...smoke, thresholds: {}, wallets, ...changes });
}

/** One measured stage, so that shares of its commands can be told. */
function steady(durationSeconds: number, ratePerSecond: number, connections: number): Pick<Profile, "stages"> {
  return { stages: [{ name: "steady", durationSeconds, ratePerSecond, connections, ramp: "step", measured: true }] };
}

/** Runs a profile on the ledger of this file; `meanwhile` is called once, at the end of the first interval. */
async function drive(profile: Profile, meanwhile: (target: LoadTarget) => Promise<void>): Promise<LoadResult> {
  const target = await LoadTarget.open(group, profile, ledger.endpoint, () => directory);
  let happening: Promise<void> | undefined;
  const onInterval = (): void => {
    happening ??= meanwhile(target);
  };
  const result = await new ProfileRun({ group, profile, target, seed: 7, onInterval }).run();
  await happening;
  return resultSchema.parse(result);
}

const nothing = async (): Promise<void> => {};

function failedChecks({ books }: LoadResult): string[] {
  return books.checks.filter(({ agrees }) => !agrees).map(({ name }) => name);
}

describe("a profile against a ledger", () => {
  test("all clients and commands: every one due is accepted, and the books agree", {
    timeout: RUN_MS_MAX,
  }, async () => {
    const profile = profileOf({
      ...steady(4, 400, 12),
      generators: 2,
      mix: { transfers: 50, holds: 15, captures: 10, voids: 5, reads: 20 },
    });
    const result = await drive(profile, nothing);
    expect(failedChecks(result)).toEqual([]);
    expect(result.verdict).toBe("passed");
    expect(result.errors).toEqual([]);
    expect(result.totals.accepted).toBe(result.totals.scheduled);
    expect(Math.abs(result.totals.scheduled - 1_600)).toBeLessThanOrEqual(6);
    expect(new Set(result.commands.map(({ transport }) => transport))).toEqual(new Set(["binary", "json", "rest"]));
    expect(new Set(result.commands.map(({ kind }) => kind))).toEqual(new Set(Object.keys(profile.mix)));
    expect(result.streams.deltas).toBeGreaterThan(0);
    expect(result.streams.dashboardsSeen).toBeGreaterThanOrEqual(5);
    expect(result.intervals.length).toBeGreaterThanOrEqual(4);
    expect(result.intervals.some(({ server }) => (server?.cpuCores ?? 0) > 0)).toBe(true);
    expect(result.curve.at(-1)?.ms).toBe(result.latency?.maxMs);
  });

  test("connections come and go with the stages", { timeout: RUN_MS_MAX }, async () => {
    const stage = { durationSeconds: 2, ratePerSecond: 100, ramp: "step", measured: true } as const;
    const result = await drive(
      profileOf({
        stages: [
          { ...stage, name: "few", connections: 4 },
          { ...stage, name: "many", connections: 40 },
          { ...stage, name: "few again", connections: 4 },
        ],
        clients: [{ transport: "binary", share: 1, commandsPerMessage: 5, inflightPerConnectionMax: 8 }],
      }),
      nothing,
    );
    expect(result.verdict).toBe("passed");
    const at = (name: string): number[] =>
      result.intervals.filter(({ stage: of }) => of === name).map(({ connections }) => connections);
    expect(Math.max(...at("many"))).toBeGreaterThan(Math.min(...at("few")));
    expect(at("few again").at(-1)).toBe(4);
  });

  test("a stall shows in every command that was due in it, though one was in flight", {
    timeout: RUN_MS_MAX,
  }, async () => {
    const stallMs = 1_000;
    const profile = profileOf({
      ...steady(4, 200, 1),
      clients: [{ transport: "rest", share: 1, commandsPerMessage: 1, inflightPerConnectionMax: 1 }],
      mix: { transfers: 1, holds: 0, captures: 0, voids: 0, reads: 0 },
      dashboards: undefined,
    });
    const result = await drive(profile, async () => {
      process.kill(ledger.pid, "SIGSTOP");
      await sleep(stallMs);
      process.kill(ledger.pid, "SIGCONT");
    });
    expect(failedChecks(result)).toEqual([]);
    expect(result.totals.accepted).toBe(800);
    // A quarter of all fell due in the stall, and half of those waited for half of it or longer.
    expect(result.latency?.p90Ms).toBeGreaterThan(stallMs / 2);
    expect(result.latency?.maxMs).toBeGreaterThan(stallMs * 0.9);
  });

  test("money that came behind its back makes the books disagree", { timeout: RUN_MS_MAX }, async () => {
    const result = await drive(profileOf(steady(3, 100, 8)), async ({ wallets }) => {
      const record = new Uint8Array(RECORD_BYTES);
      new UuidV7().write(record, RECORD.id);
      record.set(wallets.subarray(150 * 16, 151 * 16), RECORD.wallet);
      record[RECORD.amountMinor] = 1;
      record[RECORD.operation] = OPERATION.Credit;
      await ledger.commands(record);
    });
    expect(result.verdict).toBe("books_disagree");
    expect(failedChecks(result)).toEqual(["balances", "changes"]);
    expect(result.books.checks.find(({ name }) => name === "balances")?.detail).toMatch(
      /1 of 200 wallets differ; wallet 150/,
    );
  });

  test("a crash leaves nothing in doubt", { timeout: RUN_MS_MAX }, async () => {
    const result = await drive(profileOf(steady(4, 400, 12)), async () => {
      await ledger.crash(() => {});
    });
    expect(failedChecks(result)).toEqual([]);
    expect(result.books.agree).toBe(true);
    expect(result.warnings.join()).toMatch(/connections were lost/);
  });
});
