import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const EXECUTOR = fileURLToPath(new URL("./last-will-process.ts", import.meta.url));

/**
 * What is to be ended and removed when this process is gone, even where it was killed and can do nothing itself.
 *
 * A process of its own waits for that at the other end of a pipe. On Linux only: elsewhere a process cannot be told from
 * a later one with the same id, so none is ended.
 */
export class LastWill {
  readonly #executor: ChildProcess;

  constructor() {
    this.#executor = spawn(process.execPath, [EXECUTOR], { stdio: ["pipe", "ignore", "inherit"], detached: true });
    this.#executor.unref();
    // Where it ended before its time, what is written to it is lost, and the run goes on without it.
    this.#executor.stdin?.on("error", () => {});
  }

  /** The process is sent a signal, and SIGKILL where that does not end it. */
  endProcess(pid: number, signal: NodeJS.Signals): void {
    this.#executor.stdin?.write(`process ${pid} ${signal}\n`);
  }

  removeDirectory(path: string): void {
    this.#executor.stdin?.write(`directory ${path}\n`);
  }

  /** Nothing more will be added: what is left is done now. */
  close(): void {
    this.#executor.stdin?.end();
  }
}
