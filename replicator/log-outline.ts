import type { Claim } from "./epoch-fold.ts";
import { readRecord } from "./journal-record.ts";
import { KafkaLink } from "./kafka-link.ts";
import type { LogAccess } from "./replicator-messages.ts";

const FETCH_BYTES = 1 << 20;
const FETCH_WAIT_MS = 1_000;

/** What of a log is kept, and which ledger it is of. */
export interface LogOutline {
  /** The first claim of all; undefined where the log does not begin with one, or its beginning is not kept any more. */
  readonly claim: Claim | undefined;
  /** One a partition: offset of its oldest record that is kept, and of the next one to come. */
  readonly partitions: readonly { readonly firstOffset: number; readonly endOffset: number }[];
}

/** Looks at a log. **Errors**: rejects where Kafka cannot be reached, or the topic does not exist. */
export async function outlineOfLog(access: LogAccess): Promise<LogOutline> {
  const link = await KafkaLink.open(access, access.journalTopic);
  try {
    const partitions = await Promise.all(
      Array.from({ length: link.partitionCount }, async (_, partition) => ({
        firstOffset: await link.firstOffset(partition),
        endOffset: await link.endOffset(partition),
      })),
    );
    const hasBeginning = partitions[0]?.firstOffset === 0 && partitions[0].endOffset > 0;
    return { claim: hasBeginning ? await firstClaim(link) : undefined, partitions };
  } finally {
    link.close();
  }
}

async function firstClaim(link: KafkaLink): Promise<Claim | undefined> {
  const { records } = await link.fetch(0, 0, FETCH_WAIT_MS, FETCH_BYTES);
  const [first] = records.map((record) => readRecord(record, 0));
  return first?.type === "claim" && first.offset === 0 ? first.claim : undefined;
}
