/** A hold by its id: its shard knows it, and of one that is closed its wallet's history tells how. */

import type { HoldEnd } from "../engine/history/hold-end.ts";
import type { FoundHold } from "../engine/views.ts";
import type { Code } from "../protocol/codes.ts";
import { uuidBytes } from "../protocol/ids.ts";
import type { Caller } from "./caller.ts";
import type { GatewayContext } from "./context.ts";
import { askHistory, type QueryResult, timeText } from "./history-queries.ts";
import { holdView } from "./json-view.ts";

/** Finds a hold; `done` gets its JSON, or why there is none. */
export function findHold(
  context: GatewayContext,
  caller: Caller,
  holdId: string,
  done: (result: QueryResult) => void,
): Code {
  return context.dispatcher.lookupHold(caller, uuidBytes(holdId), (found) => {
    if (typeof found === "string") {
      done({ code: found });
      return;
    }
    const { walletHead, ...hold } = found;
    if (walletHead === undefined) {
      const capturedMinor = hold.amountMinor - hold.remainingMinor;
      done({ text: JSON.stringify({ ...holdView(hold), status: "open", capturedMinor }) });
      return;
    }
    const [shard, placed] = hold.position.split(":").map(Number) as [number, number];
    const asked = { walletId: hold.walletId, head: walletHead };
    const code = askHistory(context, shard, { type: "holdEnd", asked, holdId: hold.id, placed }, done, (answer) =>
      answer.type === "holdEnd" ? closedText(hold, answer.end) : undefined,
    );
    if (code !== "ok") done({ code });
  });
}

/** Where the history is too long to look through, all that is known is that the hold is closed. */
function closedText(hold: FoundHold, end: HoldEnd | null): string {
  const { status, capturedMinor, position, timestampMs } = end ?? {};
  return JSON.stringify({
    ...holdView(hold),
    status: status ?? "closed",
    capturedMinor,
    closedAt: timestampMs === undefined ? undefined : timeText(timestampMs),
    closedPosition: position,
  });
}
