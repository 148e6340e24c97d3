import type { JournalFold } from "./journal-fold.ts";
import { KafkaLink } from "./kafka-link.ts";
import { KafkaUnreachableError } from "./kafka-unreachable.ts";
import { Outage } from "./outage.ts";
import { PartitionFollower } from "./partition-follower.ts";
import type { LogAccess } from "./replicator-messages.ts";

interface FoldOptions {
  /** How long Kafka may be away once it was there. */
  readonly outageMsMax?: number;
  /** Whether every frame that counts is told with its bytes; without it, those that waited long are not. */
  readonly needsBytes?: boolean;
  /** Ends it; its reason is what it rejects with. */
  readonly signal?: AbortSignal;
}

/**
 * Folds all partitions up to the ends that they have now.
 *
 * **Errors**: rejects with `ReplicationGapError`, and where Kafka cannot be reached.
 */
export async function foldToEnd(
  access: LogAccess,
  fold: JournalFold,
  { outageMsMax = 0, needsBytes = false, signal }: FoldOptions = {},
): Promise<void> {
  const link = await KafkaLink.open(access, access.journalTopic);
  const { promise: failed, reject: fail } = Promise.withResolvers<never>();
  failed.catch(() => undefined);
  let giveUp: NodeJS.Timeout | undefined;
  const outage = new Outage((isOut, reason) => {
    clearTimeout(giveUp);
    if (isOut) giveUp = setTimeout(() => fail(new KafkaUnreachableError(reason)), outageMsMax);
  });
  const stop = (): void => fail(signal?.reason);
  signal?.addEventListener("abort", stop);
  const atEnd = (): void => undefined;
  const followers: PartitionFollower[] = [];
  for (let shard = 0; shard < fold.shardCount; shard += 1) {
    const othersRest = (): boolean => followers.every((follower, other) => other === shard || follower.isResting);
    const attempts = outage.attempts();
    followers.push(
      new PartitionFollower({
        options: access,
        shard,
        fold,
        flush: async () => true,
        keepsAll: needsBytes,
        othersRest,
        attempts,
        atEnd,
        failed: fail,
      }),
    );
  }
  try {
    const ends = await Promise.all(followers.map((_, shard) => link.endOffset(shard)));
    signal?.throwIfAborted();
    for (const follower of followers) follower.start();
    // A partition may have to be read beyond its end of then, where another one has frames of a later claim.
    await Promise.race([failed, Promise.all(followers.map((follower, shard) => follower.reached(ends[shard])))]);
    signal?.throwIfAborted();
  } finally {
    await Promise.all(followers.map((follower) => follower.stop()));
    clearTimeout(giveUp);
    signal?.removeEventListener("abort", stop);
    link.close();
  }
}
