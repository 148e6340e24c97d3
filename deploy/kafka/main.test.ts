import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FIRST_BROKER_WITHIN_MS } from "../../test/temporary-broker.ts";
import { freePorts } from "./free-ports.ts";
import { prepareKafka } from "./installation.ts";
import { findJava } from "./java.ts";
import type { KafkaInstallation } from "./java-process.ts";

const MAIN = fileURLToPath(new URL("./main.ts", import.meta.url));
const SYSTEM_TOOLS = ["sh", "cp", "sleep"];

const directory = mkdtempSync(join(tmpdir(), "mizan-kafka-command-"));
let kafka: KafkaInstallation;
beforeAll(async () => {
  kafka = await prepareKafka();
}, FIRST_BROKER_WITHIN_MS);
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Runs `npm run kafka -- …` to its end, and returns its exit code and the object that it printed. */
async function ask(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Record<string, unknown> & { readonly exitCode: number | null }> {
  const child = spawn(process.execPath, [MAIN, ...args, "--json"], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let stdout = "";
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  const [exitCode] = await once(child, "close");
  return { ...(JSON.parse(stdout) as Record<string, unknown>), exitCode: exitCode as number | null };
}

/** A directory for `PATH` that has some programs and nothing else: a script for each, or a link where the path is given. */
function pathWith(name: string, programs: Readonly<Record<string, string>>): string {
  const folder = join(directory, name);
  mkdirSync(folder);
  for (const tool of SYSTEM_TOOLS)
    symlinkSync(existsSync(`/usr/bin/${tool}`) ? `/usr/bin/${tool}` : `/bin/${tool}`, join(folder, tool));
  for (const [program, content] of Object.entries(programs)) {
    const path = join(folder, program);
    if (content.startsWith("/")) symlinkSync(content, path);
    else {
      writeFileSync(path, `#!/bin/sh\n${content}\n`);
      chmodSync(path, 0o755);
    }
  }
  return folder;
}

/** A Maven that has everything at hand, and does something before it brings the second half. */
function mavenThat(act: string): string {
  const half = Math.floor(kafka.jars.length / 2);
  // The last argument is -DoutputDirectory=….
  const into = "for arg; do :; done; IFS==; set -- $arg; unset IFS; out=$2";
  const copy = (jars: readonly string[]): string => `cp ${jars.map((jar) => `"${jar}"`).join(" ")} "$out"`;
  return `${into}\n${copy(kafka.jars.slice(0, half))}\n${act}\n${copy(kafka.jars.slice(half))}`;
}

describe("the broker of the command line", () => {
  test("starts, tells how it is, outlives the command, and stops", { timeout: 60_000 }, async () => {
    const data = join(directory, "data");
    const port = await freePorts(2);
    expect(await ask(["status", "--data", data])).toMatchObject({ exitCode: 1, ok: false, state: "stopped" });
    const started = await ask(["start", "--data", data, "--port", String(port)]);
    expect(started).toMatchObject({ exitCode: 0, ok: true, address: `127.0.0.1:${port}`, dataDir: data });
    const pid = Number(started.pid);
    try {
      expect(await ask(["status", "--data", data])).toMatchObject({ exitCode: 0, state: "serving", pid });
      const second = await ask(["start", "--data", data]);
      expect(second).toMatchObject({ exitCode: 3, error: { code: "already_running" } });
      process.kill(pid, "SIGSTOP");
      expect(await ask(["status", "--data", data])).toMatchObject({ exitCode: 1, state: "not answering", pid });
    } finally {
      expect(await ask(["stop", "--data", data])).toMatchObject({ exitCode: 0, ok: true, pid });
    }
    expect(() => process.kill(pid, 0)).toThrow("ESRCH");
    expect(await ask(["stop", "--data", data])).toMatchObject({ exitCode: 0, ok: true });
    const again = await ask(["start", "--data", data]);
    expect(again).toMatchObject({ exitCode: 0, address: `127.0.0.1:${port}` });
    await ask(["stop", "--data", data]);
  });

  test.each([
    [["start", "--port", "70000"], "port_invalid"],
    [["start", "--port", "many"], "port_invalid"],
    [["start", "--data", "a,b"], "data_dir_unusable"],
  ])("refuses %j", async (args, code) => {
    expect(await ask(args)).toMatchObject({ exitCode: 2, ok: false, error: { code } });
  });
});

describe("a machine", () => {
  const lacking = { JAVA_HOME: "", KAFKA_CACHE_DIR: join(directory, "empty") };

  test("without Java is told to have it", async () => {
    const answer = await ask(["start"], { ...lacking, PATH: pathWith("no-java", {}) });
    expect(answer).toMatchObject({
      exitCode: 1,
      error: { code: "java_missing", message: "Apache Kafka needs Java 17 or later, and there is none in PATH" },
    });
  });

  test("with an old Java is told to have a newer one", async () => {
    const PATH = pathWith("old-java", { java: `echo 'openjdk version "11.0.2" 2019-01-15' >&2` });
    expect(await ask(["start"], { ...lacking, PATH })).toMatchObject({
      exitCode: 1,
      error: {
        code: "java_too_old",
        message: expect.stringMatching(/needs Java 17 or later, and .*java is 11\.0\.2$/),
      },
    });
  });

  test("without Maven is told to have it", async () => {
    const answer = await ask(["start"], { ...lacking, PATH: pathWith("no-maven", { java: findJava() }) });
    expect(answer).toMatchObject({
      exitCode: 1,
      error: { code: "maven_missing", message: "Maven fetches Apache Kafka 4.3.1, and there is no mvn in PATH" },
    });
  });

  test("without a network is told what Maven says, and nothing is kept", async () => {
    const PATH = pathWith("no-network", { java: findJava(), mvn: mavenThat("echo 'Unknown host'; exit 1") });
    expect(await ask(["start"], { ...lacking, PATH })).toMatchObject({
      exitCode: 1,
      error: { code: "fetch_failed", message: expect.stringContaining("Unknown host") },
    });
    expect(readdirSync(join(lacking.KAFKA_CACHE_DIR, "kafka-4.3.1"))).toEqual([]);
  });
});

describe("fetching", () => {
  test("that was killed half-way counts for nothing; two at once get one whole copy", { timeout: 60_000 }, async () => {
    const KAFKA_CACHE_DIR = join(directory, "cache");
    const killed = pathWith("killed", { java: findJava(), mvn: mavenThat('kill -KILL "$PPID"; exit 1') });
    await expect(ask(["fetch"], { JAVA_HOME: "", KAFKA_CACHE_DIR, PATH: killed })).rejects.toThrow("JSON");
    const cache = join(KAFKA_CACHE_DIR, "kafka-4.3.1");
    const [left, ...others] = readdirSync(cache);
    expect(left).toMatch(/^\.fetch-/);
    expect(others).toEqual([]);
    const PATH = pathWith("slow", { java: findJava(), mvn: mavenThat("sleep 0.3") });
    const both = [
      ask(["fetch"], { JAVA_HOME: "", KAFKA_CACHE_DIR, PATH }),
      ask(["fetch"], { JAVA_HOME: "", KAFKA_CACHE_DIR, PATH }),
    ];
    for (const answer of await Promise.all(both)) expect(answer).toMatchObject({ exitCode: 0, ok: true });
    expect(readdirSync(join(cache, "jars")).sort()).toEqual(
      kafka.jars.map((jar) => jar.slice(jar.lastIndexOf("/") + 1)),
    );
    expect(readdirSync(cache).sort()).toEqual([left, expect.stringMatching(/^classes-[0-9a-f]{16}\.jsa$/), "jars"]);
  });
});
