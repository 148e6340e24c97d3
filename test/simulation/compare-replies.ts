import { inspect } from "node:util";
import type { Reply } from "../driven-ledger.ts";
import { Violation } from "./rules.ts";

/** Names the first answer that differs. */
export function compareReplies(shard: number, replies: readonly Reply[], expected: readonly Reply[]): void {
  const answersOf = (all: readonly Reply[]): readonly string[] =>
    all.flatMap((reply) => {
      const answers = reply.kind === "late" ? [reply.answer] : reply.answers;
      return answers.map(
        (answer) => `${reply.kind} ${reply.token}: ${inspect(answer, { breakLength: Infinity, sorted: true })}`,
      );
    });
  const shown = answersOf(replies);
  const wanted = answersOf(expected);
  const at = shown.findIndex((answer, index) => answer !== wanted[index]);
  if (at < 0 && shown.length === wanted.length) return;
  const differing = at < 0 ? shown.length : at;
  throw new Violation(
    "reference",
    `shard ${shard} answers ${shown[differing]}, the reference ledger ${wanted[differing]}`,
  );
}
