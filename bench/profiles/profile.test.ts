import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { LOAD_SETTINGS, remoteOf, withSettings } from "./load-settings.ts";
import { LoadUsageError, PROFILE_NAMES, parseProfile, readProfile } from "./profile.ts";

const directory = mkdtempSync(join(tmpdir(), "mizan-profile-"));
afterAll(() => rmSync(directory, { recursive: true }));

/** The text of the smoke profile with one part replaced. */
function smokeWith(change: (profile: ReturnType<typeof readProfile>) => object): string {
  const profile = readProfile("smoke");
  return JSON.stringify({ ...profile, ...change(profile) });
}

describe("profiles", () => {
  test.each(PROFILE_NAMES)("%s is one, and says its own name", (name) => {
    expect(readProfile(name).name).toBe(name);
  });

  test("one may be copied and edited", () => {
    const path = join(directory, "mine.json");
    writeFileSync(
      path,
      smokeWith(() => ({ name: "mine" })),
    );
    expect(readProfile(path).name).toBe("mine");
  });

  test.each([
    [
      "stages[1].ratePerSecond",
      smokeWith(({ stages }) => ({ stages: [stages[0], { ...stages[1], ratePerSecond: 0 }] })),
    ],
    ["stages[0].rate", smokeWith(({ stages }) => ({ stages: [{ ...stages[0], rate: 1 }, stages[1]] }))],
    ["wallets.pick.exponent", smokeWith(({ wallets }) => ({ wallets: { ...wallets, pick: { kind: "zipf" } } }))],
    ["wallets.pick.kind", smokeWith(({ wallets }) => ({ wallets: { ...wallets, pick: { kind: "pareto" } } }))],
    [
      "clients[1].commandsPerMessage",
      smokeWith(({ clients }) => ({ clients: [clients[0], { ...clients[1], commandsPerMessage: 2 }] })),
    ],
    ["clients[0].transport", smokeWith(() => ({ clients: [{ transport: "grpc", share: 1 }] }))],
    ["mix", smokeWith(() => ({ mix: {} }))],
    ["stages", smokeWith(({ stages }) => ({ stages: stages.map((stage) => ({ ...stage, measured: false })) }))],
    ["thresholds.errorRate", smokeWith(() => ({ thresholds: { errorRate: 2 } }))],
    ["ledger.settings", smokeWith(() => ({ ledger: { settings: { PATH: "/" } } }))],
    ["suite", smokeWith(() => ({ suite: "none" }))],
  ])("the error of a wrong one names the field: %s", (field, text) => {
    const parse = (): unknown => parseProfile("mine.json", text);
    expect(parse).toThrow(LoadUsageError);
    const escaped = field.replaceAll(/[[\].]/g, "\\$&");
    // Zod names a field that should not be there in the message.
    expect(parse).toThrow(new RegExp(`mine\\.json[^]*(?:${escaped}|stages\\[0\\]: [^\\n]*"rate")`));
  });

  test("says so where it is no JSON, or not there", () => {
    expect(() => parseProfile("mine.json", "{")).toThrow(/mine\.json is not JSON/);
    expect(() => readProfile(join(directory, "none.json"))).toThrow(/no file/);
  });
});

describe("settings of the environment", () => {
  const smoke = readProfile("smoke");

  test("thresholds, rates, times and generators", () => {
    const { thresholds, stages, generators } = withSettings(smoke, {
      MIZAN_LOAD_P99_MS: "7.5",
      MIZAN_LOAD_ERROR_RATE: "0",
      MIZAN_LOAD_RATE_FACTOR: "2",
      MIZAN_LOAD_TIME_FACTOR: "0.5",
      MIZAN_LOAD_GENERATORS: "3",
      MIZAN_PORT: "7070",
    });
    expect(thresholds).toEqual({ ...smoke.thresholds, p99Ms: 7.5, errorRate: 0 });
    expect(stages[1].ratePerSecond).toBe(smoke.stages[1].ratePerSecond * 2);
    expect(stages[1].durationSeconds).toBe(smoke.stages[1].durationSeconds / 2);
    expect(generators).toBe(3);
  });

  test.each([
    ["MIZAN_LOAD_P99_MS", "fast"],
    ["MIZAN_LOAD_ERROR_RATE", "1.5"],
    ["MIZAN_LOAD_GENERATORS", "2.5"],
    ["MIZAN_LOAD_P98_MS", "1"],
  ])("a wrong one is named: %s=%s", (name, value) => {
    expect(() => withSettings(smoke, { [name]: value })).toThrow(name);
  });

  test("are those that README.md lists", () => {
    const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
    const rows = readme.split("\n").filter((line) => line.startsWith("| `MIZAN_LOAD_"));
    expect(rows).toEqual(Object.values(LOAD_SETTINGS).map(({ name, meaning }) => `| \`${name}\` | ${meaning} |`));
  });

  test("the ledger to aim at", () => {
    expect(remoteOf({})).toBeUndefined();
    const key = { MIZAN_LOAD_KEY: "k" };
    expect(remoteOf({ MIZAN_LOAD_URL: "http://10.0.0.1:7070", ...key })).toEqual({
      host: "10.0.0.1",
      port: 7070,
      key: "k",
      isSecure: false,
    });
    expect(remoteOf({ MIZAN_LOAD_URL: "https://ledger.example", ...key })).toEqual({
      host: "ledger.example",
      port: 443,
      key: "k",
      isSecure: true,
    });
    expect(() => remoteOf({ MIZAN_LOAD_URL: "http://10.0.0.1:7070" })).toThrow(/MIZAN_LOAD_KEY/);
    for (const wrong of ["ftp://10.0.0.1", "https://10.0.0.1/ledger", "http://me:secret@10.0.0.1"]) {
      expect(() => remoteOf({ MIZAN_LOAD_URL: wrong, ...key })).toThrow(/MIZAN_LOAD_URL/);
    }
    expect(() => remoteOf({ MIZAN_LOAD_URL: "ledger", ...key })).toThrow(/MIZAN_LOAD_URL/);
  });
});
