import type { Cause } from "../object/cause.ts";

/** Other shard → the newest of its records that something on a shard follows from. */
export class KnownRecords extends Map<number, number> {
  readonly #shard: number;

  constructor(shard: number) {
    super();
    this.#shard = shard;
  }

  /** Something follows from a record. */
  know({ shard, sequence }: Cause): void {
    if (shard !== this.#shard && sequence > (this.get(shard) ?? 0)) this.set(shard, sequence);
  }
}
