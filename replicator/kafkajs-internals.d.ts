/**
 * The parts of kafkajs below its producer and consumer, which it has no types for. Their shape belongs to the exact version
 * that `package.json` pins.
 */

declare module "kafkajs/src/cluster/index.js" {
  interface Partition<T> {
    readonly topic: string;
    readonly partitions: readonly T[];
  }

  interface FetchedMessage {
    readonly offset: string;
    readonly timestamp: string;
    readonly value: Buffer | null;
    readonly headers: Readonly<Record<string, Buffer | readonly Buffer[] | undefined>>;
    readonly isControlRecord: boolean;
  }

  interface ProducedMessage {
    readonly key: null;
    readonly value: Uint8Array;
    readonly headers: Readonly<Record<string, string>>;
    readonly timestamp: string;
  }

  export interface Broker {
    produce(request: {
      readonly acks: -1;
      readonly timeout: number;
      readonly producerId: string;
      readonly producerEpoch: number;
      readonly topicData: readonly Partition<{
        readonly partition: number;
        readonly firstSequence: number;
        readonly messages: readonly ProducedMessage[];
      }>[];
    }): Promise<{ readonly topics: readonly { readonly partitions: readonly { readonly baseOffset: string }[] }[] }>;

    fetch(request: {
      readonly replicaId: -1;
      readonly isolationLevel: 0;
      readonly maxWaitTime: number;
      readonly minBytes: number;
      readonly maxBytes: number;
      readonly topics: readonly Partition<{
        readonly partition: number;
        readonly fetchOffset: string;
        readonly maxBytes: number;
      }>[];
    }): Promise<{
      readonly responses: readonly {
        readonly partitions: readonly {
          readonly highWatermark: string;
          readonly messages: readonly FetchedMessage[];
        }[];
      }[];
    }>;

    listOffsets(request: {
      readonly replicaId: -1;
      readonly isolationLevel: 0;
      readonly topics: readonly Partition<{ readonly partition: number; readonly timestamp: -1 | -2 }>[];
    }): Promise<{
      readonly responses: readonly { readonly partitions: readonly { readonly offset: string }[] }[];
    }>;

    findGroupCoordinator(request: { readonly groupId: string; readonly coordinatorType: 0 | 1 }): Promise<{
      readonly coordinator: { readonly nodeId: number; readonly host: string; readonly port: number };
    }>;
    initProducerId(request: {
      readonly transactionalId: string;
      readonly transactionTimeout: number;
    }): Promise<{ readonly producerId: string; readonly producerEpoch: number }>;

    joinGroup(request: {
      readonly groupId: string;
      readonly sessionTimeout: number;
      readonly rebalanceTimeout: number;
      readonly memberId: string;
      readonly protocolType: string;
      readonly groupProtocols: readonly { readonly name: string; readonly metadata: Buffer }[];
    }): Promise<{ readonly memberId: string; readonly generationId: number }>;
    syncGroup(request: {
      readonly groupId: string;
      readonly generationId: number;
      readonly memberId: string;
      readonly groupAssignment: readonly never[];
    }): Promise<unknown>;
    heartbeat(request: {
      readonly groupId: string;
      readonly groupGenerationId: number;
      readonly memberId: string;
    }): Promise<unknown>;
    leaveGroup(request: { readonly groupId: string; readonly memberId: string }): Promise<unknown>;
    describeGroups(request: { readonly groupIds: readonly string[] }): Promise<{
      readonly groups: readonly {
        readonly state: string;
        readonly members: readonly {
          readonly memberId: string;
          readonly clientId: string;
          readonly memberMetadata: Buffer | null;
        }[];
      }[];
    }>;
  }

  export default class Cluster {
    constructor(options: Readonly<Record<string, unknown>>);
    connect(): Promise<void>;
    addTargetTopic(topic: string): Promise<void>;
    refreshMetadata(): Promise<void>;
    findTopicPartitionMetadata(topic: string): readonly { readonly partitionId: number }[];
    findLeaderForPartitions(topic: string, partitions: readonly number[]): Readonly<Record<string, readonly number[]>>;
    findBroker(node: { readonly nodeId: string | number }): Promise<Broker>;
  }
}

declare module "kafkajs/src/loggers/index.js" {
  const loggers: {
    readonly createLogger: (options: { readonly level: number; readonly logCreator: () => () => void }) => unknown;
  };
  export default loggers;
}
