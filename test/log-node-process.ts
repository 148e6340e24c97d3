/** A node that claims, says when it leads, and waits to be killed. Arguments: broker, topic. */

import { LogNode } from "./log-node.ts";

const [broker, topic] = process.argv.slice(2);
const node = await LogNode.start({ broker, topic, nodeId: "killed" });
process.stdout.write(`${node.dataDir}\n`);
await node.claim();
node.shards[0].append(3);
await node.confirmed();
process.stdout.write("leading\n");
