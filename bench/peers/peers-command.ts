import { LOAD_EXIT } from "../profiles/load-exit.ts";
import { writeWithDirectories } from "../profiles/report/report-file.ts";
import { FULL_PACE, QUICK_PACE } from "../run.ts";
import { runUntilSignal } from "../run-until-signal.ts";
import { type PeerName, peersResultSchema } from "./peers-result.ts";
import { formatPeers } from "./peers-table.ts";
import { programDirectories } from "./program.ts";
import { runPeers } from "./run-peers.ts";

export interface PeersCommand {
  readonly only: readonly PeerName[];
  readonly isQuick: boolean;
  readonly out: string | undefined;
  readonly isJson: boolean;
}

/** `npm run load -- peers`; resolves with the exit code. */
export async function comparePeers({ only, isQuick, out, isJson }: PeersCommand): Promise<number> {
  // Standard output is the result's where it is asked for as JSON.
  const say = isJson ? console.error : console.log;
  const directories = programDirectories();
  const found = await runUntilSignal(isQuick ? QUICK_PACE : FULL_PACE, (run) =>
    runPeers(run, { only, directories, say }),
  );
  if (found === null) return LOAD_EXIT.interrupted;
  const result = peersResultSchema.parse(found);
  const path = out ?? `load-results/peers-${result.startedAt.replaceAll(/[:.]/g, "-")}.json`;
  writeWithDirectories(path, `${JSON.stringify(result)}\n`);
  console.log(isJson ? JSON.stringify(result) : `\n${formatPeers(result)}\nresult: ${path}`);
  if (result.rows.some(({ books }) => !books.agree)) return LOAD_EXIT.booksDisagree;
  return result.failed.length > 0 ? LOAD_EXIT.failed : LOAD_EXIT.ok;
}
