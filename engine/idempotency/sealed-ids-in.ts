import { readdirSync } from "node:fs";
import { bucketPath, listBuckets } from "./bucket-layout.ts";
import { damagedPath } from "./sealed-bucket.ts";

/** The buckets of sealed ids in a shard's directory, oldest first. */
export interface SealedIdFiles {
  readonly paths: readonly string[];
  /** Whether none was set aside as damaged: its ids are in no other bucket yet. */
  readonly isComplete: boolean;
}

/** Lists the buckets of sealed ids in a shard's directory. */
export function sealedIdsIn(directory: string): SealedIdFiles {
  return {
    paths: listBuckets(directory).map((ordinal) => bucketPath(directory, ordinal)),
    isComplete: !readdirSync(directory).some((name) => name.startsWith("ids-") && name.endsWith(damagedPath(""))),
  };
}
