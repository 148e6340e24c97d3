import { z } from "zod";

/** What a claim says: this node leads from here on. */
export const claimSchema = z.object({
  epoch: z.int().positive(),
  /** Of this claim alone: a node that claims twice has to know which of the two won. */
  claimId: z.uuid(),
  nodeId: z.string().min(1),
  nodeUrl: z.string(),
  /** Which ledger it is: a node without data begins with it. */
  ledger: z.object({
    formatVersion: z.int(),
    ledgerId: z.string(),
    shards: z.int().positive(),
    calendarTimeZone: z.string(),
    createdAt: z.string(),
  }),
});
export type Claim = z.infer<typeof claimSchema>;

/** A record of one partition of the journal topic. */
export type LogRecord =
  | { readonly type: "claim"; readonly offset: number; readonly claim: Claim }
  | {
      readonly type: "frame";
      readonly offset: number;
      readonly epoch: number;
      readonly firstSequence: number;
      readonly recordCount: number;
      /** Hexadecimal, as is the other one. */
      readonly hash: string;
      readonly previousHash: string;
      readonly bytes: Uint8Array;
    }
  /** Whatever else somebody wrote. */
  | { readonly type: "unknown"; readonly offset: number; readonly reason: string };
export type FrameRecord = Extract<LogRecord, { type: "frame" }>;

/** Everything that a reader of a partition has to know of what stands before an offset. */
export const foldStateSchema = z.object({
  /** Of the next record. */
  offset: z.int().nonnegative(),
  /** First sequence of the next frame. */
  nextSequence: z.int().positive(),
  /** Hash of the last frame, or of the beginning. */
  hash: z.string(),
  /** Whose frames count; null before the first claim. */
  claim: claimSchema.nullable(),
});
export type FoldState = z.infer<typeof foldStateSchema>;

/** Before the first record of a partition. */
export function beginning(genesisHash: Uint8Array): FoldState {
  return { offset: 0, nextSequence: 1, hash: Buffer.from(genesisHash).toString("hex"), claim: null };
}

/** What a record comes to in its partition: it decides who leads; it is the next frame; it is nothing. */
export type Verdict = "claims" | "continues" | "passedOver";

/** The log lacks what it must have: nobody may go on from here. */
export class ReplicationGapError extends Error {
  readonly code = "replication_gap";
}

/**
 * Reads a partition as every reader must, so that all agree without asking each other: a claim counts if its epoch is
 * higher than that of the one before; a frame continues the journal if its epoch is that of the claim and it is the next one.
 * Whether it counts depends on the other partitions, too: see `JournalFold`.
 *
 * A frame that is there already is passed over: a writer that lost an answer may have sent it twice.
 */
export class EpochFold {
  #state: FoldState;

  constructor(state: FoldState) {
    this.#state = state;
  }

  get state(): FoldState {
    return this.#state;
  }

  get offset(): number {
    return this.#state.offset;
  }

  get nextSequence(): number {
    return this.#state.nextSequence;
  }

  get claim(): Claim | undefined {
    return this.#state.claim ?? undefined;
  }

  /** 0 before the first claim. */
  get epoch(): number {
    return this.#state.claim?.epoch ?? 0;
  }

  /**
   * Takes the next record.
   *
   * **Errors**: throws `ReplicationGapError` where a frame of the leader does not continue the journal.
   */
  apply(record: LogRecord): Verdict {
    const offset = record.offset + 1;
    if (record.type === "claim" && record.claim.epoch > this.epoch) {
      this.#state = { ...this.#state, offset, claim: record.claim };
      return "claims";
    }
    if (record.type !== "frame" || !this.#continues(record)) {
      this.#state = { ...this.#state, offset };
      return "passedOver";
    }
    const nextSequence = record.firstSequence + record.recordCount;
    this.#state = { ...this.#state, offset, nextSequence, hash: record.hash };
    return "continues";
  }

  /** The frames behind one that counts do not: what comes next follows it. */
  rollBack({ nextSequence, hash }: Pick<FoldState, "nextSequence" | "hash">): void {
    this.#state = { ...this.#state, nextSequence, hash };
  }

  #continues({ epoch, firstSequence, previousHash, offset }: FrameRecord): boolean {
    const { nextSequence, hash } = this.#state;
    if (epoch !== this.epoch || firstSequence < nextSequence) return false;
    if (firstSequence > nextSequence) {
      throw new ReplicationGapError(
        `the frame at offset ${offset} begins with record ${firstSequence}; the one before it ends before ${nextSequence}`,
      );
    }
    if (previousHash !== hash) {
      throw new ReplicationGapError(
        `the frame at offset ${offset} continues ${previousHash}; the one before it is ${hash}`,
      );
    }
    return true;
  }
}
