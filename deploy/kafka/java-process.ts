import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import type { Socket } from "node:net";
import { delimiter } from "node:path";

/** How Kafka's programs are run here. */
export interface KafkaInstallation {
  readonly java: string;
  readonly jars: readonly string[];
  /** Archive of loaded classes, which makes a start twice as fast. */
  readonly classArchive?: string;
}

/** One run of a Java program. */
export interface JavaRun {
  readonly program: "kafka.Kafka" | "kafka.tools.StorageTool";
  readonly args: readonly string[];
  /** File that gets everything the program writes, at its end. */
  readonly logPath: string;
  /** Whether the program goes on when this process is gone. */
  readonly outlivesCaller: boolean;
  /** Size beyond which no file can grow: a write there fails, as on a full disk. A multiple of 512. */
  readonly fileBytesMax?: number | undefined;
  /** File for an archive of the classes that the program has loaded, written at its exit. */
  readonly archiveClassesTo?: string | undefined;
}

const FLAGS = [
  "-Xmx256m",
  "-XX:+UseSerialGC",
  "-XX:TieredStopAtLevel=1",
  "-XX:-UsePerfData",
  "-XX:+ExitOnOutOfMemoryError",
  "-Xlog:disable",
  "-Xlog:all=error:stderr",
  "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
  "-Dorg.slf4j.simpleLogger.showDateTime=true",
  "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
];

const LIMIT_BLOCK_BYTES = 512;

/** The pipe is closed by the system when its other end dies, however it dies: then the program is killed. */
const KILL_WITH_CALLER = "(read -r _ <&3 || kill -KILL $$) </dev/null >/dev/null 2>&1 &";

/** Starts a Java program; the process id is that of Java itself. */
export function spawnJava({ java, jars, classArchive }: KafkaInstallation, run: JavaRun): ChildProcess {
  const flags = [...FLAGS];
  if (classArchive !== undefined) flags.push(`-XX:SharedArchiveFile=${classArchive}`);
  if (run.archiveClassesTo !== undefined) flags.push(`-XX:ArchiveClassesAtExit=${run.archiveClassesTo}`);
  const script = [
    run.fileBytesMax === undefined ? "" : `ulimit -f ${Math.floor(run.fileBytesMax / LIMIT_BLOCK_BYTES)};`,
    run.outlivesCaller ? "" : KILL_WITH_CALLER,
    'exec "$@" 3<&-',
  ].join(" ");
  const log = openSync(run.logPath, "a");
  const child = spawn("sh", ["-c", script, "sh", java, ...flags, run.program, ...run.args], {
    env: { ...process.env, CLASSPATH: jars.join(delimiter) },
    detached: run.outlivesCaller,
    stdio: ["ignore", log, log, run.outlivesCaller ? "ignore" : "pipe"],
  });
  closeSync(log);
  const pipe = child.stdio[3] as Socket | null;
  // A line ends the watch: the process id may already belong to somebody else.
  child.once("exit", () => pipe?.end("\n"));
  pipe?.on("error", () => undefined);
  pipe?.unref();
  child.unref();
  return child;
}
