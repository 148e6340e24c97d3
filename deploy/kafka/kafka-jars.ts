import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CommandError } from "../command-error.ts";
import { EXIT } from "../exit-code.ts";

/** The version that `pom.xml` names. */
export const KAFKA_VERSION = "4.3.1";

const POM = fileURLToPath(new URL("./pom.xml", import.meta.url));
const GOAL = "org.apache.maven.plugins:maven-dependency-plugin:copy-dependencies";
const FETCH_PREFIX = ".fetch-";
const FETCH_WITHIN_MS = 10 * 60_000;
const OUTPUT_SHOWN_CHARACTERS = 4_000;

/** The directory with everything that is kept between runs: `KAFKA_CACHE_DIR`, else the user's cache directory. */
export function cacheDirectory(): string {
  const parent = process.env.KAFKA_CACHE_DIR ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "mizan");
  return join(parent, `kafka-${KAFKA_VERSION}`);
}

/**
 * Returns the jars of Kafka, in a fixed order, and fetches them with Maven where they are not there yet.
 *
 * They get their name only when all are there, so a fetch that was cut off counts for nothing; of two at once the first
 * one wins, and the other one is thrown away.
 *
 * **Errors**: `maven_missing`, `fetch_failed`.
 */
export async function kafkaJars(say: (line: string) => void): Promise<string[]> {
  const cache = cacheDirectory();
  const jars = join(cache, "jars");
  if (!existsSync(jars)) {
    mkdirSync(cache, { recursive: true });
    removeOldFetches(cache);
    const fetched = mkdtempSync(join(cache, FETCH_PREFIX));
    try {
      say(`fetching Apache Kafka ${KAFKA_VERSION} with Maven into ${cache} (44 MB, once)`);
      await copyDependencies(fetched);
      rename(fetched, jars);
    } finally {
      rmSync(fetched, { recursive: true, force: true });
    }
  }
  const names = readdirSync(jars).filter((name) => name.endsWith(".jar"));
  return names.sort().map((name) => join(jars, name));
}

/** Removes what fetches left behind that were killed. */
function removeOldFetches(cache: string): void {
  for (const name of readdirSync(cache)) {
    const path = join(cache, name);
    if (!name.startsWith(FETCH_PREFIX)) continue;
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats !== undefined && Date.now() - stats.mtimeMs > FETCH_WITHIN_MS) {
      rmSync(path, { recursive: true, force: true });
    }
  }
}

function rename(fetched: string, jars: string): void {
  try {
    renameSync(fetched, jars);
  } catch (error) {
    if (!existsSync(jars)) throw error;
  }
}

async function copyDependencies(directory: string): Promise<void> {
  // Checksums are strict (-C); where to fetch from is said by the user's own Maven settings.
  const args = ["-B", "-C", "-ntp", "-f", POM, GOAL, "-DincludeScope=runtime", `-DoutputDirectory=${directory}`];
  const signal = AbortSignal.timeout(FETCH_WITHIN_MS);
  const maven = spawn("mvn", args, { stdio: ["ignore", "pipe", "pipe"], signal });
  let output = "";
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-OUTPUT_SHOWN_CHARACTERS);
  };
  maven.stdout.on("data", keep);
  maven.stderr.on("data", keep);
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    maven.on("error", reject);
    maven.on("close", resolve);
  }).catch((cause: NodeJS.ErrnoException) => {
    const message = `Maven fetches Apache Kafka ${KAFKA_VERSION}, and `;
    if (cause.code === "ENOENT") {
      throw new CommandError(EXIT.problems, "maven_missing", `${message}there is no mvn in PATH`, { cause });
    }
    const problem = signal.aborted ? `was not done after ${FETCH_WITHIN_MS / 1_000} s` : `failed: ${cause.message}`;
    throw new CommandError(EXIT.problems, "fetch_failed", `${message}${problem}`, { cause });
  });
  if (exitCode === 0) return;
  throw new CommandError(
    EXIT.problems,
    "fetch_failed",
    `Maven could not fetch Apache Kafka ${KAFKA_VERSION}:\n${output}`,
  );
}
