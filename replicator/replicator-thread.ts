/** The thread that brings the shards' frames into the log, or the log's frames to the shards. */

import { parentPort, workerData } from "node:worker_threads";
import { unreachable } from "../protocol/unreachable.ts";
import { Node } from "./node.ts";
import type { ReplicatorReport, ReplicatorRequest, ReplicatorThreadData } from "./replicator-messages.ts";

const port = parentPort;
if (port === null) throw new Error("the replicator runs in a thread of its own");

const node = new Node(workerData as ReplicatorThreadData, (report: ReplicatorReport) => port.postMessage(report));

port.on("message", (request: ReplicatorRequest) => {
  switch (request.type) {
    case "claim":
      void node.claim(request.over);
      return;
    case "drain":
      void node.drain(request.sequences);
      return;
    case "stop":
      void node.stop().then(() => port.close());
      return;
    default:
      unreachable(request);
  }
});

node.start();
