import type { OutgoingRecord } from "./journal-record.ts";
import type { PartitionProgress } from "./partition-progress.ts";

/** What a writer asks of its partition; what is read goes to `PartitionProgress.read`. */
export type WriterStep =
  /** Read everything that is there now; answered with the offset behind it. */
  | { readonly type: "readToEnd" }
  /** Append the claim under a new identity; answered with its offset. */
  | { readonly type: "claim" }
  /** Append a batch under the identity of the last claim; answered with the offset of its first record. */
  | { readonly type: "append"; readonly batch: readonly OutgoingRecord[] }
  /** Read everything before an offset; answered with that. */
  | { readonly type: "readThrough"; readonly offset: number };

type WriterSteps = Generator<WriterStep, void, number>;

/**
 * What comes after an error, before anything is sent: a request without an answer may have been done or not, and may still be
 * on its way. Behind the claim of a new identity it cannot arrive any more, and what stands before that has been read.
 */
export function* resumeWriting(): WriterSteps {
  // Whoever has been succeeded must not disturb the successor.
  yield { type: "readToEnd" };
  const offset = yield { type: "claim" };
  yield { type: "readThrough", offset: offset + 1 };
}

/** Sends a batch. */
export function* sendBatch(progress: PartitionProgress, batch: readonly OutgoingRecord[]): WriterSteps {
  const firstOffset = yield { type: "append", batch };
  if (!progress.appended(batch, firstOffset)) yield { type: "readThrough", offset: firstOffset + batch.length };
}

/** Looks whether somebody else has written, where there is nothing to send: that has to be read, whatever it comes to. */
export function* lookAround(): WriterSteps {
  yield { type: "readToEnd" };
}
