import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";

const GRACE_MS = 10_000;
const OUTPUT_CHARACTERS_KEPT = 4_000;

/** Every process that the run has started, so that none outlives it. */
export class ChildGroup {
  readonly #running = new Set<ChildProcess>();
  #isEnding = false;

  constructor() {
    // The last resort where the run itself ends in haste: nothing may wait in an exit handler.
    process.on("exit", () => {
      for (const child of this.#running) child.kill("SIGKILL");
    });
  }

  /** Starts a module of this folder as a process that talks by messages and ends when it is disconnected. */
  fork(module: URL): ChildProcess {
    this.#assertOpen();
    return this.#add(fork(module, { serialization: "advanced", stdio: ["ignore", "inherit", "inherit", "ipc"] }));
  }

  /** Starts Node with arguments, its output piped. A signal from the keyboard reaches the run only, which then ends it. */
  spawnNode(args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
    this.#assertOpen();
    return this.#add(spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "pipe"], detached: true }));
  }

  /** Asks a process to end, and makes it after a while. */
  async end(child: ChildProcess, signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    if (!this.#running.has(child)) return;
    const exited = once(child, "exit");
    child.kill(signal);
    const timer = setTimeout(() => child.kill("SIGKILL"), GRACE_MS);
    await exited;
    clearTimeout(timer);
  }

  /** Ends every process; from now on none can be started. */
  async endAll(): Promise<void> {
    this.#isEnding = true;
    await Promise.all([...this.#running].map((child) => this.end(child)));
  }

  #assertOpen(): void {
    if (this.#isEnding) throw new Error("the run is ending");
  }

  #add(child: ChildProcess): ChildProcess {
    this.#running.add(child);
    child.once("exit", () => this.#running.delete(child));
    return child;
  }
}

/** Keeps the last of what a process prints, to show where it fails. */
export function collectOutput(child: ChildProcess): () => string {
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-OUTPUT_CHARACTERS_KEPT);
    });
  }
  return () => output;
}

/** The first message of a process, or an error where it ends without one or takes longer than it may. */
export function firstMessage<T>(child: ChildProcess, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`a process did not answer within ${timeoutMs} ms`)), timeoutMs);
    const onMessage = (message: unknown): void => {
      clearTimeout(timer);
      child.off("exit", onExit);
      resolve(message as T);
    };
    const onExit = (code: number | null, signal: string | null): void => {
      clearTimeout(timer);
      child.off("message", onMessage);
      reject(new Error(`a process ended early: ${signal ?? `exit code ${code}`}`));
    };
    child.once("message", onMessage);
    child.once("exit", onExit);
  });
}
