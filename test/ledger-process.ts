import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../gateway/main.ts", import.meta.url));
const READY_WITHIN_MS = 60_000;
const POLL_MS = 20;

export const ADMIN_KEY = "test-admin-key-0123456789";

/** A ledger in a process of its own, which a test may kill and start again on the same data. */
export class LedgerProcess {
  readonly dataDir: string;
  readonly port: number;
  readonly #env: NodeJS.ProcessEnv;
  #child: ChildProcess | undefined;
  #output = "";

  private constructor(dataDir: string, port: number, env: NodeJS.ProcessEnv) {
    this.dataDir = dataDir;
    this.port = port;
    this.#env = env;
  }

  /** Prepares a ledger with a data directory of its own; `start` starts it. */
  static async create(env: NodeJS.ProcessEnv = {}): Promise<LedgerProcess> {
    return new LedgerProcess(mkdtempSync(join(tmpdir(), "mizan-ledger-")), await freePort(), env);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** What the process has written since it was started last. */
  get output(): string {
    return this.#output;
  }

  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error("the ledger is not running");
    return this.#child.pid;
  }

  /** Starts the process and resolves when it is ready; with further settings for this time. */
  async start(command?: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<void> {
    this.spawn(command, env);
    const deadlineMs = Date.now() + READY_WITHIN_MS;
    while (!(await this.#isReady())) {
      if (this.#child?.exitCode !== null || this.#child.signalCode !== null) {
        throw new Error(`the ledger ended while starting, ${this.#child?.signalCode ?? "by itself"}:\n${this.#output}`);
      }
      if (Date.now() > deadlineMs) throw new Error(`the ledger was not ready in time:\n${this.#output}`);
      await delay(POLL_MS);
    }
  }

  /** Starts the process and resolves with its exit code, for a start that is expected to fail. */
  async run(env: NodeJS.ProcessEnv = {}): Promise<number | null> {
    this.spawn(undefined, env);
    return this.exited();
  }

  spawn([command, ...args]: readonly string[] = [process.execPath, MAIN], furtherEnv: NodeJS.ProcessEnv = {}): void {
    this.#output = "";
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("MIZAN_")));
    this.#child = spawn(command, args, {
      env: {
        ...env,
        MIZAN_PORT: String(this.port),
        MIZAN_DATA_DIR: this.dataDir,
        MIZAN_ADMIN_KEY: ADMIN_KEY,
        MIZAN_JOURNAL_SEGMENT_BYTES: String(16 << 20),
        ...this.#env,
        ...furtherEnv,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const keep = (chunk: Buffer): void => {
      this.#output += chunk.toString();
    };
    this.#child.stdout?.on("data", keep);
    this.#child.stderr?.on("data", keep);
  }

  /** Sends a signal and resolves with the exit code, which is null after SIGKILL. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    const exited = this.exited();
    this.#child?.kill(signal);
    return exited;
  }

  async exited(): Promise<number | null> {
    const child = this.#child;
    if (child === undefined) return null;
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const [code] = await once(child, "exit");
    return code as number | null;
  }

  /** Ends the process, if it runs, and removes its data. */
  async dispose(): Promise<void> {
    await this.end("SIGKILL");
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  async #isReady(): Promise<boolean> {
    try {
      return (await fetch(`${this.url}/readyz`)).ok;
    } catch {
      return false;
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
