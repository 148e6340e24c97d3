import { randomUUID } from "node:crypto";
import { Candidacy } from "./candidacy.ts";
import { claimPartition, type WriterSession } from "./claim-partition.ts";
import type { Claim } from "./epoch-fold.ts";
import type { JournalFold } from "./journal-fold.ts";
import { KafkaLink } from "./kafka-link.ts";
import type { Attempts } from "./outage.ts";
import type { PartitionFollower } from "./partition-follower.ts";
import type { ReplicatorOptions } from "./replicator-messages.ts";

/** What an attempt to lead came to. */
export type ClaimOutcome =
  /** Everything before the claim is folded; the sessions are those under which it was made, one a shard. */
  | { readonly type: "won"; readonly claim: Claim; readonly sessions: readonly WriterSession[] }
  | { readonly type: "outrun"; readonly claim: Claim };

class OutrunError extends Error {
  readonly claim: Claim;

  constructor(claim: Claim) {
    super("another node claimed first");
    this.claim = claim;
  }
}

/** What a candidate needs. */
export interface CandidateContext {
  readonly options: ReplicatorOptions;
  readonly fold: JournalFold;
  /** They fold what the claims come to, one a shard. */
  readonly followers: readonly PartitionFollower[];
  readonly attempts: Attempts;
  readonly signal: AbortSignal;
  /** Whom to succeed, by epoch; without it whoever leads. */
  readonly over: number | undefined;
}

/** Claims all shards for this node: partition 0 decides, the others follow. */
export class Candidate {
  readonly #context: CandidateContext;
  readonly #candidacy: Candidacy;

  constructor(context: CandidateContext) {
    this.#context = context;
    const { nodeId, nodeUrl, ledger } = context.options;
    this.#candidacy = new Candidacy({ claimId: randomUUID(), nodeId, nodeUrl, ledger }, context.over);
  }

  /** Tries until the log says who leads. **Errors**: rejects where it is stopped before. */
  async claim(): Promise<ClaimOutcome> {
    const { attempts, signal } = this.#context;
    try {
      for (;;) {
        signal.throwIfAborted();
        const links: KafkaLink[] = [];
        try {
          return await this.#try(links);
        } catch (error) {
          for (const link of links) link.close();
          if (error instanceof OutrunError) return { type: "outrun", claim: error.claim };
          await attempts.failed(error, signal);
        }
      }
    } finally {
      attempts.end();
    }
  }

  async #try(links: KafkaLink[]): Promise<ClaimOutcome> {
    const { options, fold } = this.#context;
    for (let shard = 0; shard < fold.shardCount; shard += 1) {
      links.push(await KafkaLink.open(options, options.journalTopic));
    }
    await this.#read(0, await links[0].endOffset(0));
    const next = this.#candidacy.next(fold.partition(0).claim);
    if (next.type === "outrun") throw new OutrunError(next.claim);
    const { claim } = next;
    const first = await this.#append(links[0], 0, claim);
    const others = links.slice(1).map((link, index) => this.#append(link, index + 1, claim));
    return { type: "won", claim, sessions: [first, ...(await Promise.all(others))] };
  }

  async #append(link: KafkaLink, shard: number, claim: Claim): Promise<WriterSession> {
    const session = await claimPartition(link, shard, claim);
    await this.#read(shard, session.offset + 1);
    const standing = this.#context.fold.partition(shard).claim;
    if (standing !== undefined && this.#candidacy.isOutrunBy(standing)) throw new OutrunError(standing);
    return session;
  }

  async #read(shard: number, offset: number): Promise<void> {
    const { followers, signal } = this.#context;
    const { promise: stopped, reject } = Promise.withResolvers<never>();
    const stop = (): void => reject(signal.reason);
    signal.addEventListener("abort", stop);
    try {
      await Promise.race([followers[shard].reached(offset), stopped]);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }
}
