import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { CommandError } from "../command-error.ts";
import { EXIT } from "../exit-code.ts";
import { endBroker, propertiesPath, writePid } from "./broker-process.ts";
import { isServing } from "./broker-readiness.ts";
import { type JavaRun, type KafkaInstallation, spawnJava } from "./java-process.ts";
import { type BrokerSettings, logDirectory, serverProperties } from "./server-properties.ts";

/** Everything about one start of a broker. */
export interface BrokerStart extends BrokerSettings, Partial<Omit<JavaRun, "program" | "args" | "logPath">> {}

const READY_WITHIN_MS = 60_000;
const POLL_MS = 20;
const LOG_SHOWN_CHARACTERS = 4_000;

/** What the broker says about itself; the run before the last one is beside it, as `broker.log.1`. */
export function logPath(dataDir: string): string {
  return join(dataDir, "broker.log");
}

/**
 * Starts a broker, formats its storage where that was not done yet, and resolves when it serves.
 *
 * **Errors**: `format_failed`, `broker_failed`.
 */
export async function startBroker(kafka: KafkaInstallation, start: BrokerStart): Promise<void> {
  const { dataDir, port, outlivesCaller = false, fileBytesMax, archiveClassesTo } = start;
  const properties = propertiesPath(dataDir);
  const log = logPath(dataDir);
  mkdirSync(dataDir, { recursive: true });
  writeFileSync(properties, serverProperties(start));
  if (existsSync(log)) renameSync(log, `${log}.1`);
  if (!existsSync(join(logDirectory(dataDir), "meta.properties"))) await format(kafka, dataDir);
  const run = { args: [properties], logPath: log, outlivesCaller, fileBytesMax, archiveClassesTo };
  const broker = spawnJava(kafka, { program: "kafka.Kafka", ...run });
  if (broker.pid !== undefined) writePid(dataDir, broker.pid);
  const deadlineMs = Date.now() + READY_WITHIN_MS;
  while (!(await isServing(`127.0.0.1:${port}`))) {
    if (broker.exitCode !== null || broker.signalCode !== null) {
      const how = broker.signalCode ?? `with exit code ${broker.exitCode}`;
      throw failure("broker_failed", `the broker ended while starting, ${how}`, log);
    }
    if (Date.now() > deadlineMs) {
      await endBroker(dataDir, 0);
      throw failure("broker_failed", `the broker did not serve within ${READY_WITHIN_MS / 1_000} s`, log);
    }
    await delay(POLL_MS);
  }
}

async function format(kafka: KafkaInstallation, dataDir: string): Promise<void> {
  const log = logPath(dataDir);
  const clusterBytes = randomBytes(16);
  // An id that begins with a dash would be taken for an option.
  clusterBytes[0] &= 0x7f;
  const clusterId = clusterBytes.toString("base64url");
  const args = ["format", "--cluster-id", clusterId, "--config", propertiesPath(dataDir), "--ignore-formatted"];
  const tool = spawnJava(kafka, { program: "kafka.tools.StorageTool", args, logPath: log, outlivesCaller: false });
  tool.ref();
  const [exitCode] = await once(tool, "exit");
  if (exitCode !== 0) throw failure("format_failed", `the storage in ${dataDir} could not be formatted`, log);
}

function failure(code: string, message: string, log: string): CommandError {
  const said = readFileSync(log, "utf8").slice(-LOG_SHOWN_CHARACTERS);
  return new CommandError(EXIT.problems, code, `${message}; ${log} says:\n${said}`);
}
