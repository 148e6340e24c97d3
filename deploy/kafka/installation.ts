import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, renameSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endBroker } from "./broker-process.ts";
import { startBroker } from "./broker-start.ts";
import { freePorts } from "./free-ports.ts";
import { findJava, requireJavaVersion } from "./java.ts";
import type { KafkaInstallation } from "./java-process.ts";
import { cacheDirectory, kafkaJars } from "./kafka-jars.ts";

const ARCHIVED_WITHIN_MS = 30_000;

/**
 * Returns what a broker needs, and fetches or makes what is missing.
 *
 * **Errors**: `java_missing`, `java_too_old`, `maven_missing`, `fetch_failed`, and those of a broker that does not start.
 */
export async function prepareKafka(say: (line: string) => void = () => undefined): Promise<KafkaInstallation> {
  const java = findJava();
  const archive = join(cacheDirectory(), `classes-${fingerprint(java)}.jsa`);
  if (!existsSync(archive)) requireJavaVersion(java);
  const jars = await kafkaJars(say);
  if (!existsSync(archive)) {
    say("making an archive of Kafka's classes, for fast starts (once)");
    await archiveClasses({ java, jars }, archive);
  }
  // A Java without such archives starts more slowly, and that is all.
  return existsSync(archive) ? { java, jars, classArchive: archive } : { java, jars };
}

/** An archive fits exactly one build of Java. */
function fingerprint(java: string): string {
  const { mtimeMs, size } = statSync(java);
  return createHash("sha256").update(`${java}\n${mtimeMs}\n${size}`).digest("hex").slice(0, 16);
}

/** Starts a broker and ends it: Java writes the classes that it has loaded at its exit. */
async function archiveClasses(kafka: KafkaInstallation, archive: string): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), "mizan-kafka-"));
  const archiveClassesTo = `${archive}.${process.pid}`;
  try {
    const port = await freePorts(2);
    await startBroker(kafka, { dataDir, port, archiveClassesTo });
    await endBroker(dataDir, ARCHIVED_WITHIN_MS);
    if (existsSync(archiveClassesTo)) renameSync(archiveClassesTo, archive);
  } finally {
    await endBroker(dataDir, 0);
    rmSync(archiveClassesTo, { force: true });
    rmSync(dataDir, { recursive: true, force: true });
  }
}
