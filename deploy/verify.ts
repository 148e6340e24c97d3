import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { segmentProblem } from "../engine/journal/segment-check.ts";
import { lockDataDir } from "../gateway/data-lock.ts";
import { StartError } from "../gateway/start-error.ts";
import { unreachable } from "../protocol/unreachable.ts";
import { readManifest } from "./backup-manifest.ts";
import { type DataDirectory, findLedger, shardsOf } from "./data-directory.ts";
import { EXIT } from "./exit-code.ts";
import { JournalFrames } from "./journal-frames.ts";
import { keyProblems } from "./person-keys-file.ts";
import type { Problem } from "./problem.ts";
import { Terminal } from "./terminal.ts";
import { transitProblems } from "./transit.ts";
import { verifyBackup } from "./verify-backup.ts";
import type { VerifyMessage } from "./verify-process.ts";
import type { ShardFacts } from "./verify-shard.ts";

const PROCESS = fileURLToPath(new URL("./verify-process.ts", import.meta.url));

/** `mizan verify`: checks everything in a data directory or a backup, and changes nothing. */
export async function verify(dataDir: string, options: { readonly json?: true }): Promise<void> {
  const terminal = new Terminal(options.json === true);
  const manifest = readManifest(dataDir);
  if (manifest !== undefined) return verifyBackup(dataDir, manifest, terminal);
  const directory = findLedger(dataDir);
  const isRunning = await isInUse(dataDir);
  const problems: Problem[] = [];
  const shards = await verifyShards(directory, terminal, (problem) => {
    problems.push(problem);
    sayProblem(terminal, problem);
  });
  for (const problem of await keyProblems(dataDir)) {
    problems.push(problem);
    sayProblem(terminal, problem);
  }
  if (isRunning) {
    terminal.note("the ledger is running, so what is on its way between shards was not compared");
  } else if (problems.length === 0) {
    for (const problem of transitProblems(shards)) {
      problems.push(problem);
      sayProblem(terminal, problem);
    }
  }
  for (const facts of shards) sayShard(terminal, facts);
  terminal.say(problems.length === 0 ? "no problems" : `${problems.length} problems`);
  terminal.result({ command: "verify", ok: problems.length === 0, isRunning, problems, shards });
  process.exitCode = problems.length === 0 ? EXIT.ok : EXIT.problems;
}

async function verifyShards(
  directory: DataDirectory,
  terminal: Terminal,
  onProblem: (problem: Problem) => void,
): Promise<ShardFacts[]> {
  const progress = terminal.progress("verifying", 0);
  const facts: ShardFacts[] = [];
  for (const shard of shardsOf(directory)) {
    progress.extend(lastSequenceOf(directory, shard));
  }
  await Promise.all(
    shardsOf(directory).map(async (shard) => {
      const found = await verifyInProcess(directory, shard, onProblem, (records) => progress.advance(records));
      if (found !== undefined) facts.push(found);
    }),
  );
  progress.end();
  return facts.sort((a, b) => a.shard - b.shard);
}

/** Verifies one shard in a process of its own; resolves with what it came to, or undefined where the process died. */
function verifyInProcess(
  { path }: DataDirectory,
  shard: number,
  onProblem: (problem: Problem) => void,
  onRecords: (records: number) => void,
): Promise<ShardFacts | undefined> {
  const child = fork(PROCESS, [path, String(shard)], { stdio: ["ignore", "ignore", "pipe", "ipc"] });
  let file: string | undefined;
  let facts: ShardFacts | undefined;
  let errors = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    errors += chunk.toString();
  });
  child.on("message", (message: VerifyMessage) => {
    switch (message.type) {
      case "file":
        file = message.file;
        break;
      case "problem":
        onProblem(message.problem);
        break;
      case "records":
        onRecords(message.records);
        break;
      case "done":
        facts = message.facts;
        break;
      default:
        unreachable(message);
    }
  });
  return new Promise((resolve) => {
    child.on("close", (code, signal) => {
      if (facts === undefined) {
        const reason =
          signal === null
            ? (lastErrorLine(errors) ?? `its reader ended with code ${code}`)
            : `reading it ended in ${signal}`;
        onProblem({ ...(file === undefined ? {} : { file }), problem: `shard ${shard} cannot be read: ${reason}` });
      }
      resolve(facts);
    });
  });
}

function lastErrorLine(text: string): string | undefined {
  return /^\w*Error: .*$/m.exec(text)?.[0];
}

/** Sequence that the journal of a shard goes to, or 0 where its files cannot be opened. */
function lastSequenceOf({ path }: DataDirectory, shard: number): number {
  try {
    const journal = new JournalFrames(path, shard);
    return journal.files().every((file) => segmentProblem(file) === undefined) ? journal.lastSequence() : 0;
  } catch {
    return 0;
  }
}

async function isInUse(dataDir: string): Promise<boolean> {
  try {
    const lock = await lockDataDir(dataDir);
    lock.release();
    return false;
  } catch (error) {
    return error instanceof StartError && error.code === "data_dir_locked";
  }
}

function sayShard(terminal: Terminal, facts: ShardFacts): void {
  const { shard, sequence, stateHash, firstSequence, frames, records, snapshots, sealedIds, openTransfers } = facts;
  terminal.say(
    `shard ${shard}: ${frames} frames, ${records} records up to ${shard}:${sequence}, ` +
      `${snapshots} snapshots, ${openTransfers.length} open transfers`,
  );
  if (stateHash !== null) terminal.say(`  state hash ${stateHash}`);
  if (sealedIds.buckets > 0) {
    terminal.say(
      `  ${sealedIds.ids} sealed ids in ${sealedIds.buckets} files; a sample was compared with the journal, ${sealedIds.compared} times`,
    );
  }
  if (firstSequence === 1) return;
  terminal.say(
    `  history before ${shard}:${firstSequence} was dropped; balances were recomputed from the oldest sound snapshot on`,
  );
}

function sayProblem(terminal: Terminal, { position, file, problem }: Problem): void {
  terminal.say(
    `problem: ${[position, file].filter((part) => part !== undefined).join(" in ")}: ${problem}`.replace(": :", ":"),
  );
}
