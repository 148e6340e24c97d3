import { setTimeout as delay } from "node:timers/promises";
import { KafkaLink, kafkaErrorType } from "./kafka-link.ts";
import { monotonicMs } from "./monotonic-clock.ts";
import type { Attempts } from "./outage.ts";
import type { ReplicatorOptions } from "./replicator-messages.ts";

const HEARTBEATS_PER_SESSION = 6;
const LEAVE_WITHIN_MS = 500;
const PROTOCOL_TYPE = "mizan-node";
const PROTOCOL = "node";

/** The group whose members are the nodes that are alive. */
export function nodesGroup(journalTopic: string): string {
  return `${journalTopic}.nodes`;
}

/** Whom the membership tells. */
export interface LivenessContext {
  readonly options: ReplicatorOptions;
  readonly attempts: Attempts;
  /** Whose absence matters; undefined where nobody leads, or this node does. */
  readonly watchedNode: () => string | undefined;
  readonly gone: (nodeId: string) => void;
}

/**
 * This node's membership in the group of nodes, and whether the leader is a member, too.
 *
 * The group has no partitions to hand out: its coordinator only keeps track of who sends heartbeats. Whoever has not been
 * heard of for a session is no longer a member. A broker that was away may have missed heartbeats of nodes that live, so
 * after anything unusual an absence counts only when it has lasted for a session.
 */
export class Liveness {
  readonly #context: LivenessContext;
  readonly #groupId: string;
  readonly #stopping = new AbortController();
  #link: KafkaLink | undefined;
  #memberId = "";
  #generationId = -1;
  #aliveMs = 0;
  #quietSinceMs = Number.POSITIVE_INFINITY;
  #done: Promise<void> = Promise.resolve();

  constructor(context: LivenessContext) {
    this.#context = context;
    this.#groupId = nodesGroup(context.options.journalTopic);
  }

  /** When the sign of life was sent that the group has taken last. **Units**: `monotonicMs`. */
  get aliveMs(): number {
    return this.#aliveMs;
  }

  start(): void {
    this.#done = this.#run();
  }

  /** Leaves the group: the others need not wait for a session. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    // Whoever joins waits for the others, which may take a session.
    await Promise.race([this.#done, delay(LEAVE_WITHIN_MS, undefined, { ref: false })]);
    this.#link?.close();
    await this.#done;
  }

  async #run(): Promise<void> {
    const { options, attempts } = this.#context;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        this.#link ??= await KafkaLink.open(options, options.journalTopic);
        if (this.#generationId < 0) await this.#join(this.#link);
        await this.#beat(this.#link);
        await this.#look(this.#link);
        attempts.succeeded();
        const pauseMs = options.sessionTimeoutMs / HEARTBEATS_PER_SESSION;
        await delay(pauseMs, undefined, { signal }).catch(() => undefined);
      } catch (error) {
        this.#quietSinceMs = Number.POSITIVE_INFINITY;
        this.#link?.close();
        this.#link = undefined;
        await attempts.failed(error, signal);
      }
    }
    await this.#leave().catch(() => undefined);
    this.#link?.close();
    attempts.end();
  }

  async #join(link: KafkaLink): Promise<void> {
    const { sessionTimeoutMs, nodeUrl } = this.#context.options;
    const groupId = this.#groupId;
    const broker = await link.groupBroker(groupId);
    const { memberId, generationId } = await broker
      .joinGroup({
        groupId,
        sessionTimeout: sessionTimeoutMs,
        rebalanceTimeout: sessionTimeoutMs,
        memberId: this.#memberId,
        protocolType: PROTOCOL_TYPE,
        groupProtocols: [{ name: PROTOCOL, metadata: Buffer.from(nodeUrl) }],
      })
      .catch((error: unknown) => {
        if (kafkaErrorType(error) === "UNKNOWN_MEMBER_ID") this.#memberId = "";
        throw error;
      });
    this.#memberId = memberId;
    await broker.syncGroup({ groupId, generationId, memberId, groupAssignment: [] });
    this.#generationId = generationId;
  }

  async #beat(link: KafkaLink): Promise<void> {
    const groupId = this.#groupId;
    const broker = await link.groupBroker(groupId);
    const sentMs = monotonicMs();
    try {
      await broker.heartbeat({ groupId, groupGenerationId: this.#generationId, memberId: this.#memberId });
      this.#aliveMs = sentMs;
    } catch (error) {
      switch (kafkaErrorType(error)) {
        case "REBALANCE_IN_PROGRESS":
          // Another node joins or leaves, and everybody has to join again; the heartbeat counts.
          this.#aliveMs = sentMs;
          return this.#join(link);
        case "UNKNOWN_MEMBER_ID":
        case "ILLEGAL_GENERATION":
          this.#memberId = "";
          this.#generationId = -1;
          this.#quietSinceMs = Number.POSITIVE_INFINITY;
          return this.#join(link);
        default:
          throw error;
      }
    }
  }

  /** Looks whether the node that leads is a member. */
  async #look(link: KafkaLink): Promise<void> {
    const { options, watchedNode, gone } = this.#context;
    const broker = await link.groupBroker(this.#groupId);
    const askedMs = monotonicMs();
    const { groups } = await broker.describeGroups({ groupIds: [this.#groupId] });
    const nowMs = monotonicMs();
    const members = new Set(groups[0].members.map(({ clientId }) => clientId));
    const isUsual = members.has(options.nodeId) && nowMs - askedMs < options.sessionTimeoutMs / 2;
    if (!isUsual) this.#quietSinceMs = Number.POSITIVE_INFINITY;
    else if (this.#quietSinceMs === Number.POSITIVE_INFINITY) this.#quietSinceMs = nowMs;
    const watched = watchedNode();
    if (watched === undefined || members.has(watched)) return;
    if (nowMs - this.#quietSinceMs >= options.sessionTimeoutMs) gone(watched);
  }

  async #leave(): Promise<void> {
    if (this.#link === undefined || this.#generationId < 0) return;
    const broker = await this.#link.groupBroker(this.#groupId);
    await broker.leaveGroup({ groupId: this.#groupId, memberId: this.#memberId });
  }
}
