import { ERROR_CODES_MAX } from "./result.ts";

/** Codes come from the server, which may be any; longer ones are cut. */
const CODE_CHARACTERS_MAX = 100;
const OTHER = "other";

export interface ErrorCount {
  readonly code: string;
  readonly count: number;
}

/** Counts errors by code, in bounded memory whatever a server answers. */
export class ErrorCounts {
  readonly #counts = new Map<string, number>();

  add(code: string, count: number): void {
    const short = code.slice(0, CODE_CHARACTERS_MAX);
    const isKnown = this.#counts.has(short) || this.#counts.size < ERROR_CODES_MAX - 1;
    const name = isKnown ? short : OTHER;
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + count);
  }

  addAll(counts: readonly ErrorCount[]): void {
    for (const { code, count } of counts) this.add(code, count);
  }

  clear(): void {
    this.#counts.clear();
  }

  /** Most frequent first. */
  counts(): ErrorCount[] {
    return [...this.#counts].map(([code, count]) => ({ code, count })).sort((a, b) => b.count - a.count);
  }
}
