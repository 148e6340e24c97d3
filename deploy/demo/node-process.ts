import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../gateway/main.ts", import.meta.url));
const POLL_MS = 20;
const WITHIN_MS = 30_000;

/** What a node says about its place among the others. */
export interface Place {
  readonly role: "leader" | "standby";
  readonly leader?: string;
  readonly epoch: number;
  readonly behindRecords: number;
}

/** A node of the ledger in a process of its own, which ends with this one. */
export class NodeProcess {
  readonly url: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #key: string;
  #child: ChildProcess | undefined;
  readonly #outlivesInterrupt: boolean;
  #output = "";

  /** `outlivesInterrupt`: a Ctrl-C at the terminal does not reach it, and whoever started it ends it. */
  constructor(port: number, key: string, env: NodeJS.ProcessEnv, outlivesInterrupt = false) {
    this.#outlivesInterrupt = outlivesInterrupt;
    this.url = `http://127.0.0.1:${port}`;
    this.#key = key;
    this.#env = { ...process.env, ...env, MIZAN_PORT: String(port), MIZAN_ADMIN_KEY: key, MIZAN_LOG_LEVEL: "warn" };
  }

  /** Starts the process and resolves when a condition holds; returns what it says then. */
  async start(until: (place: Place) => boolean): Promise<Place> {
    this.#output = "";
    const options = { env: this.#env, detached: this.#outlivesInterrupt };
    this.#child = spawn(process.execPath, [MAIN], { ...options, stdio: ["ignore", "ignore", "pipe"] });
    this.#child.stderr?.on("data", (chunk: Buffer) => {
      this.#output += chunk.toString();
    });
    return this.when(until);
  }

  /** Resolves when what the node says is as wanted. **Errors**: rejects where the process ends, or where that takes too long. */
  async when(until: (place: Place) => boolean): Promise<Place> {
    const deadlineMs = performance.now() + WITHIN_MS;
    for (;;) {
      const place = await this.place();
      if (place !== undefined && until(place)) return place;
      if (this.#child?.exitCode !== null || performance.now() > deadlineMs) {
        throw new Error(`the node ${this.url} is not as it should be:\n${this.#output}`);
      }
      await delay(POLL_MS);
    }
  }

  async place(): Promise<Place | undefined> {
    try {
      const headers = { authorization: `Bearer ${this.#key}` };
      const response = await fetch(`${this.url}/api/v1/replication`, { headers, signal: AbortSignal.timeout(1_000) });
      return response.ok ? ((await response.json()) as Place) : undefined;
    } catch {
      return undefined;
    }
  }

  /** Ends the process as an operator would. */
  stop(): Promise<void> {
    return this.#end("SIGTERM");
  }

  /** Ends the process as a failing machine would. */
  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  async #end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
  }
}
