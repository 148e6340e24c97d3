/**
 * The process that verifies one shard: damage inside an LMDB file may end whoever reads it, and then this process ends
 * instead of the command, which knows the file that was being read.
 */

import { findLedger } from "./data-directory.ts";
import type { Problem } from "./problem.ts";
import { type ShardFacts, verifyShard } from "./verify-shard.ts";

/** What the process tells. */
export type VerifyMessage =
  | { readonly type: "file"; readonly file: string }
  | { readonly type: "problem"; readonly problem: Problem }
  | { readonly type: "records"; readonly records: number }
  | { readonly type: "done"; readonly facts: ShardFacts };

const TELL_EVERY_RECORDS = 100_000;

const [dataDir, shard] = process.argv.slice(2);
const tell = (message: VerifyMessage): void => {
  process.send?.(message);
};

let untold = 0;
const facts = await verifyShard(findLedger(dataDir), Number(shard), {
  onFile: (file) => tell({ type: "file", file }),
  onProblem: (problem) => tell({ type: "problem", problem }),
  onRecords: (records) => {
    untold += records;
    if (untold < TELL_EVERY_RECORDS) return;
    tell({ type: "records", records: untold });
    untold = 0;
  },
});
tell({ type: "done", facts });
process.disconnect?.();
