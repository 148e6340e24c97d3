import type { ShardState } from "../engine/shard/shard-state.ts";

/** How far the transfers from one shard to another have come. */
interface ChannelPosition {
  readonly sent: number;
  readonly completedThrough: number;
}

/** What states of different moments know of each other's shards, and those have not done yet. */
export class OwedCauses {
  /** Answers that a shard knows, `from:to:number`, and the other one has still to journal. */
  readonly #answers = new Set<string>();
  /** How far a shard must come at least with its transfers to another. */
  readonly #channels: (ChannelPosition & { readonly from: number; readonly to: number })[] = [];

  /** Records that something follows from. */
  readonly #known: { readonly shard: number; readonly sequence: number }[] = [];

  note(states: readonly ShardState[]): void {
    for (const [shard, { channels, receipts, servedThrough, knownThrough }] of states.entries()) {
      for (const [of, sequence] of knownThrough) this.#known.push({ shard: of, sequence });
      for (const [to, { completedThrough, completed }] of channels) {
        if (to === shard) continue;
        const known = states[to];
        const isAnswered = (number: number): boolean =>
          number <= (known.servedThrough.get(shard) ?? 0) || known.receipts.get(`${shard}:${number}`) !== undefined;
        const first = (known.servedThrough.get(shard) ?? 0) + 1;
        const ended = [...completed];
        for (let number = first; number <= completedThrough; number += 1) ended.push(number);
        for (const number of ended) if (!isAnswered(number)) this.#answers.add(`${shard}:${to}:${number}`);
      }
      for (const [from, completedThrough] of servedThrough) {
        if (from !== shard) this.#channels.push({ from, to: shard, sent: completedThrough, completedThrough });
      }
      for (const { fromShard, number } of receipts.states()) {
        if (fromShard !== shard) this.#channels.push({ from: fromShard, to: shard, sent: number, completedThrough: 0 });
      }
    }
  }

  /** A shard has journaled its answer to a transfer of another one. */
  answered(from: number, to: number, number: number): void {
    if (this.#answers.size > 0) this.#answers.delete(`${from}:${to}:${number}`);
  }

  /** Whether all of it is done, where each shard has come to a sequence. */
  isPaid(channel: (from: number, to: number) => ChannelPosition, sequences: readonly number[]): boolean {
    return (
      this.#answers.size === 0 &&
      this.#known.every(({ shard, sequence }) => sequences[shard] >= sequence) &&
      this.#channels.every(({ from, to, sent, completedThrough }) => {
        const now = channel(from, to);
        return now.sent >= sent && now.completedThrough >= completedThrough;
      })
    );
  }
}
