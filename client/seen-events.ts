/** The events that were handled last, so that one that comes again is known; the oldest are forgotten first. */
export class SeenEvents {
  readonly #seen = new Set<string>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  has(event: { readonly source: string; readonly id: string }): boolean {
    return this.#seen.has(keyOf(event));
  }

  add(event: { readonly source: string; readonly id: string }): void {
    this.#seen.add(keyOf(event));
    if (this.#seen.size <= this.#max) return;
    for (const oldest of this.#seen) {
      this.#seen.delete(oldest);
      return;
    }
  }
}

function keyOf({ source, id }: { readonly source: string; readonly id: string }): string {
  return `${source} ${id}`;
}
