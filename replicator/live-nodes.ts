import { KafkaLink } from "./kafka-link.ts";
import { nodesGroup } from "./liveness.ts";
import type { LogAccess } from "./replicator-messages.ts";

/**
 * Where the nodes of a log are reached that are alive, the one that leads among them.
 *
 * The claim of who leads may be among the records that are no longer kept. So the nodes are found in their group, which each of
 * them joins with its URL; while members come and go the group does not tell what they said of themselves, and there are none.
 *
 * **Errors**: rejects where Kafka cannot be reached.
 */
export async function liveNodeUrls(access: LogAccess): Promise<readonly string[]> {
  const link = await KafkaLink.open(access, access.journalTopic);
  try {
    const groupId = nodesGroup(access.journalTopic);
    const broker = await link.groupBroker(groupId);
    const { groups } = await broker.describeGroups({ groupIds: [groupId] });
    const urls = groups.flatMap(({ members }) => members.map(({ memberMetadata }) => memberMetadata?.toString() ?? ""));
    return urls.filter((url) => URL.canParse(url));
  } finally {
    link.close();
  }
}
