import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer } from "node:tls";
import { afterAll, expect, test } from "vitest";
import { ADMIN_KEY, LedgerProcess } from "../../test/ledger-process.ts";
import { makeCertificate } from "../../test/loopback-certificate.ts";
import { collectOutput } from "../child-group.ts";
import { resultSchema } from "../load/result.ts";
import { readProfile } from "./profile.ts";

const COMMAND_MS_MAX = 180_000;
const MIZAN = join(import.meta.dirname, "../../deploy/mizan.js");
const directory = mkdtempSync(join(tmpdir(), "mizan-load-"));
afterAll(() => rmSync(directory, { recursive: true }));

function start(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): { child: ChildProcess; output: () => string } {
  const child = spawn(process.execPath, [MIZAN, "load", ...args], {
    env: { ...process.env, ...env },
    stdio: "pipe",
    detached: true,
  });
  return { child, output: collectOutput(child) };
}

async function run(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: number; output: string }> {
  const { child, output } = start(args, env);
  const [code] = await once(child, "exit");
  return { code, output: output() };
}

/** Two seconds of the smoke profile at a tenth of its rate. */
const SHORT = { MIZAN_LOAD_TIME_FACTOR: "0.15", MIZAN_LOAD_RATE_FACTOR: "0.1", MIZAN_LOAD_P99_MS: "60000" };

test("a profile that holds: its result is written, and the exit code is 0", { timeout: COMMAND_MS_MAX }, async () => {
  const file = join(directory, "held.json");
  const { code, output } = await run(["smoke", "--out", file], { ...SHORT, MIZAN_LOAD_RATE_SHARE: "0.5" });
  expect(output).toMatch(/smoke: passed/);
  expect(code).toBe(0);
  const result = resultSchema.parse(JSON.parse(readFileSync(file, "utf8")));
  expect(result).toMatchObject({
    verdict: "passed",
    books: { agree: true },
    environment: { isOwnLedger: true, shards: 2 },
  });
  expect(result.profile.stages[1].ratePerSecond).toBe(readProfile("smoke").stages[1].ratePerSecond / 10);
  expect(result.histogram).not.toBe("");
  const report = readFileSync(join(directory, "held.html"), "utf8");
  expect(report).toContain("passed: every threshold held and the books agree");
  expect(report).toContain("MIZAN_LOAD_RATE_SHARE=0.5");
  const [again, page] = [join(directory, "again.html"), join(directory, "compared.html")];
  expect(await run(["report", file, "--out", again])).toEqual({ code: 0, output: `report: ${again}\n` });
  expect(readFileSync(again, "utf8")).toBe(report);
  const compared = await run(["compare", file, file, "--html", page]);
  expect(compared.output).toMatch(/B to A/);
  expect(compared.code).toBe(0);
  expect(readFileSync(page, "utf8")).toContain("A against B");
});

test("a threshold from the environment that is missed is exit code 1", { timeout: COMMAND_MS_MAX }, async () => {
  const env = { ...SHORT, MIZAN_LOAD_P50_MS: "0.001" };
  const { code, output } = await run(["smoke", "--out", join(directory, "missed.json")], env);
  expect(output).toMatch(/✗ p50Ms at most 0\.001/);
  expect(code).toBe(1);
});

test("a signal ends the load early, and what was seen is judged", { timeout: COMMAND_MS_MAX }, async () => {
  const file = join(directory, "stopped.json");
  // To the whole group, as a keyboard does it.
  const { child, output } = start(["load", "--out", file], { MIZAN_LOAD_RATE_FACTOR: "0.05" });
  // The second one would end it at once.
  let isSignalled = false;
  child.stdout?.on("data", () => {
    if (isSignalled || !/errors\/s/.test(output())) return;
    isSignalled = true;
    process.kill(-(child.pid ?? 0), "SIGINT");
  });
  await once(child, "exit");
  expect(child.exitCode, output()).toBe(130);
  const result = resultSchema.parse(JSON.parse(readFileSync(file, "utf8")));
  expect(result.warnings).toContain("stopped early");
  expect(result.books.agree).toBe(true);
});

test("a wrong profile, and a wrong setting, are exit code 2", { timeout: COMMAND_MS_MAX }, async () => {
  const file = join(directory, "wrong.json");
  writeFileSync(file, JSON.stringify({ ...readProfile("smoke"), stages: [] }));
  expect(await run(["report", file])).toEqual({ code: 2, output: expect.stringMatching(/no result of a load/) });
  expect(await run([file])).toEqual({ code: 2, output: expect.stringMatching(/stages/) });
  expect(await run(["smoke"], { MIZAN_LOAD_P99: "1" })).toEqual({
    code: 2,
    output: expect.stringMatching(/MIZAN_LOAD_P99/),
  });
});

test("a ledger behind TLS, whose certificate is checked", { timeout: 2 * COMMAND_MS_MAX }, async () => {
  const { storeFile, storePassword, caFile } = makeCertificate(directory);
  const ledger = await LedgerProcess.create({ MIZAN_SHARDS: "1" });
  const proxy = createServer({ pfx: readFileSync(storeFile), passphrase: storePassword }, (outside) => {
    const inside = connect(Number(new URL(ledger.url).port), "127.0.0.1");
    for (const socket of [inside, outside]) socket.on("error", () => {});
    outside.pipe(inside).pipe(outside);
  });
  try {
    await ledger.start();
    await once(proxy.listen(0, "127.0.0.1"), "listening");
    const { port } = proxy.address() as AddressInfo;
    const env = { ...SHORT, MIZAN_LOAD_URL: `https://127.0.0.1:${port}`, MIZAN_LOAD_KEY: ADMIN_KEY };
    expect(await run(["smoke"], env)).toEqual({ code: 1, output: expect.stringMatching(/certificate/) });
    const file = join(directory, "secure.json");
    const { code, output } = await run(["smoke", "--out", file], { ...env, NODE_EXTRA_CA_CERTS: caFile });
    expect(output).toMatch(/trial balance: zero/);
    expect(code, output).toBe(0);
    const result = resultSchema.parse(JSON.parse(readFileSync(file, "utf8")));
    expect(result.environment).toMatchObject({ url: `https://127.0.0.1:${port}`, isOwnLedger: false });
    expect(new Set(result.commands.map(({ transport }) => transport))).toEqual(new Set(["binary", "json", "rest"]));
    expect(result.intervals.some(({ server }) => (server?.cpuCores ?? 0) > 0)).toBe(true);
  } finally {
    proxy.close();
    await ledger.dispose();
  }
});

test("a ledger that is not there is exit code 1", { timeout: COMMAND_MS_MAX }, async () => {
  const env = { ...SHORT, MIZAN_LOAD_URL: "http://127.0.0.1:1", MIZAN_LOAD_KEY: "none-at-all-1234" };
  expect(await run(["smoke"], env)).toEqual({ code: 1, output: expect.stringMatching(/the load failed/) });
});
