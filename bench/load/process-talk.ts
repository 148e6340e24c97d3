import type { ChildProcess } from "node:child_process";

/** Talks with a process that answers many times, one listener for each kind of answer. */
export class ProcessTalk<Question, Reply extends object> {
  readonly #child: ChildProcess;
  readonly #waiting: { readonly take: (reply: Reply) => boolean; readonly fail: (error: Error) => void }[] = [];
  #failure: Error | undefined;

  /** `onReply` is shown every answer first, and takes those that nobody waits for by returning true. */
  constructor(child: ChildProcess, onReply: (reply: Reply) => boolean) {
    this.#child = child;
    child.on("message", (message) => {
      const reply = message as Reply;
      if (onReply(reply)) return;
      const at = this.#waiting.findIndex(({ take }) => take(reply));
      if (at >= 0) this.#waiting.splice(at, 1);
      else if ("error" in reply) this.#fail(new Error(String(reply.error)));
    });
    child.once("exit", (code, signal) =>
      this.#fail(new Error(`a process ended early: ${signal ?? `exit code ${code}`}`)),
    );
  }

  tell(question: Question): void {
    if (this.#child.connected) this.#child.send(question as object);
  }

  /** Resolves with the first answer that `pick` makes something of. **Errors**: rejects on an error, an end, or after a time. */
  next<T>(pick: (reply: Reply) => T | undefined, timeoutMs: number): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      const timer = setTimeout(() => reject(new Error(`a process did not answer within ${timeoutMs} ms`)), timeoutMs);
      const fail = (error: Error): void => {
        clearTimeout(timer);
        reject(error);
      };
      const take = (reply: Reply): boolean => {
        const picked = pick(reply);
        if (picked === undefined) return false;
        clearTimeout(timer);
        resolve(picked);
        return true;
      };
      this.#waiting.push({ take, fail });
    });
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { fail } of this.#waiting.splice(0)) fail(error);
  }
}
