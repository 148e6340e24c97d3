import { createHash } from "node:crypto";

/** Lines shown with a failure. */
const LINES_SHOWN = 60;

/** What a simulation did, line by line: the last lines are kept for people, all of them go into the hash. */
export class Trace {
  readonly #hash = createHash("sha256");
  readonly #last: string[] = [];
  readonly #print: ((line: string) => void) | undefined;
  step = 0;

  constructor(print?: (line: string) => void) {
    this.#print = print;
  }

  add(text: string): void {
    const line = `${String(this.step).padStart(4)}  ${text}`;
    this.#hash.update(`${line}\n`);
    this.#last.push(line);
    if (this.#last.length > 2 * LINES_SHOWN) this.#last.splice(0, LINES_SHOWN);
    this.#print?.(line);
  }

  last(): readonly string[] {
    return this.#last.slice(-LINES_SHOWN);
  }

  /** Ends the trace. */
  digest(): string {
    return this.#hash.digest("hex");
  }
}
