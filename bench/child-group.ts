import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import type { LastWill } from "./last-will.ts";

const GRACE_MS = 10_000;
const OUTPUT_CHARACTERS_KEPT = 4_000;

/** A program that is not Node, and how it is run. */
export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Whom it runs as; whoever runs this where nothing is said. */
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** What it takes for a wish to end at once. */
  readonly endSignal: NodeJS.Signals;
}

/** Every process that the run has started, so that none outlives it. */
export class ChildGroup {
  /** With the signal that asks each to end. */
  readonly #running = new Map<ChildProcess, NodeJS.Signals>();
  readonly #will: LastWill | undefined;
  #isEnding = false;

  /** With a will, servers end even where the run is killed. */
  constructor(will?: LastWill) {
    this.#will = will;
    // The last resort where the run itself ends in haste: nothing may wait in an exit handler.
    process.on("exit", () => {
      for (const child of this.#running.keys()) child.kill("SIGKILL");
    });
  }

  /** Whether its processes are being ended, which makes whoever talks with them fail. */
  get isEnding(): boolean {
    return this.#isEnding;
  }

  /** Starts a module of this folder as a process that talks by messages and ends when it is disconnected. */
  fork(module: URL): ChildProcess {
    this.#assertOpen();
    const child = fork(module, { serialization: "advanced", stdio: ["ignore", "inherit", "inherit", "ipc"] });
    return this.#add(child, "SIGTERM");
  }

  /** Starts Node with arguments, its output piped. A signal from the keyboard reaches the run only, which then ends it. */
  spawnNode(args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
    return this.spawnProgram({ command: process.execPath, args, env, endSignal: "SIGTERM" });
  }

  /** Starts any program in the same way. */
  spawnProgram({ command, args, endSignal, ...options }: Program): ChildProcess {
    this.#assertOpen();
    const child = spawn(command, args, { ...options, stdio: ["ignore", "pipe", "pipe"], detached: true });
    if (child.pid !== undefined) this.#will?.endProcess(child.pid, endSignal);
    return this.#add(child, endSignal);
  }

  /** Asks a process to end, and makes it after a while. */
  async end(child: ChildProcess, signal = this.#running.get(child)): Promise<void> {
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
    await Promise.all([...this.#running.keys()].map((child) => this.end(child)));
  }

  #assertOpen(): void {
    if (this.#isEnding) throw new Error("the run is ending");
  }

  #add(child: ChildProcess, endSignal: NodeJS.Signals): ChildProcess {
    this.#running.set(child, endSignal);
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
