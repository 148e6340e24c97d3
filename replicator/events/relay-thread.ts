/** The thread that tells the ledger's events, so that encoding them holds up neither a shard nor the gateway. */

import { parentPort, workerData } from "node:worker_threads";
import { yieldToOthers } from "../../snapshots/thread-priority.ts";
import { EventRelay } from "./event-relay.ts";
import { PublishHistory } from "./publish-history.ts";
import type { EventRelayReport, EventRelayThreadData } from "./relay-options.ts";

/** Whoever tells what happened gives way to what happens. */
const NICENESS = 5;
yieldToOthers(NICENESS);

const { options, sources, told, history } = workerData as EventRelayThreadData;
const report = (message: EventRelayReport): void => parentPort?.postMessage(message);
const relay = new EventRelay(
  options,
  sources,
  new Float64Array(told),
  (level, fact, fields) => report({ type: "log", level, fact, fields }),
  new PublishHistory(sources.journals.length, history),
);
relay.start();

parentPort?.once("message", () => {
  relay.stop().then(
    () => report({ type: "stopped" }),
    (error: unknown) => {
      report({
        type: "log",
        level: "error",
        fact: "the event relay did not stop cleanly",
        fields: { message: String(error) },
      });
      report({ type: "stopped" });
    },
  );
});
