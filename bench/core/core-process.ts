/** The process of an in-process row: takes one job, runs it, answers with what it measured, and ends. */

import { raiseInliningBudget } from "../../engine/inlining.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import { measureCodecs } from "./codecs.ts";
import { LIMITS, measureApply } from "./core-apply.ts";
import type { CoreJob, CoreOutcome, CoreReply } from "./core-job.ts";
import { measureCommit } from "./journal-commit.ts";
import { measureLmdb } from "./lmdb-limit.ts";

raiseInliningBudget();

async function run({ row, measureMs, directory }: CoreJob): Promise<CoreOutcome> {
  switch (row) {
    case "limit-lmdb":
      return measureLmdb(directory, "growing");
    case "limit-lmdb-prepared":
      return measureLmdb(directory, "prepared");
    case "core-apply":
      return measureApply(measureMs);
    case "core-apply-limits":
      return measureApply(measureMs, LIMITS);
    case "journal-commit":
      return measureCommit(directory, measureMs);
    case "codecs":
      return measureCodecs(measureMs);
    default:
      return unreachable(row);
  }
}

function reply(message: CoreReply): void {
  process.send?.(message, () => process.exit(0));
}

process.once("disconnect", () => process.exit(1));
process.once("message", (job: CoreJob) => {
  run(job).then(
    (outcome) => reply({ outcome }),
    (error: Error) => reply({ error: error.message }),
  );
});
