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

  export interface ProduceAnswer {
    readonly topics: readonly {
      readonly topicName: string;
      readonly partitions: readonly { readonly partition: number; readonly baseOffset: string }[];
    }[];
  }

  interface ProtocolRequest {
    readonly apiKey: number;
    readonly apiVersion: number;
    readonly apiName: string;
    readonly expectResponse: () => boolean;
    readonly encode: () => Promise<{ readonly buf: Buffer; readonly buffer: Buffer }>;
  }

  export interface ProtocolResponse<T> {
    readonly decode: (bytes: Buffer) => Promise<unknown>;
    readonly parse: (decoded: unknown) => Promise<T>;
  }

  export interface Broker {
    readonly connectionPool: {
      send<T>(exchange: { readonly request: ProtocolRequest; readonly response: ProtocolResponse<T> }): Promise<T>;
    };

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

    addPartitionsToTxn(request: {
      readonly transactionalId: string;
      readonly producerId: string;
      readonly producerEpoch: number;
      readonly topics: readonly Partition<number>[];
    }): Promise<unknown>;
    endTxn: (request: {
      readonly transactionalId: string;
      readonly producerId: string;
      readonly producerEpoch: number;
      readonly transactionResult: boolean;
    }) => Promise<unknown>;

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
    addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
    refreshMetadata(): Promise<void>;
    findTopicPartitionMetadata(topic: string): readonly { readonly partitionId: number }[];
    findLeaderForPartitions(topic: string, partitions: readonly number[]): Readonly<Record<string, readonly number[]>>;
    findControllerBroker(): Promise<Broker>;
    findBroker(node: { readonly nodeId: string | number }): Promise<Broker>;
  }
}

declare module "kafkajs/src/loggers/index.js" {
  const loggers: {
    readonly createLogger: (options: { readonly level: number; readonly logCreator: () => () => void }) => unknown;
  };
  export default loggers;
}

declare module "kafkajs/src/protocol/requests/produce/v7/response.js" {
  import type { ProduceAnswer, ProtocolResponse } from "kafkajs/src/cluster/index.js";

  const response: ProtocolResponse<ProduceAnswer>;
  export default response;
}

declare module "kafkajs/src/broker/index.js" {
  import type { Broker } from "kafkajs/src/cluster/index.js";

  const broker: { readonly prototype: Broker };
  export default broker;
}
