import type { Subprotocol, TopicName } from "../protocol/wire-frame.ts";
import type { NamedActorCommand } from "./actor-commands.ts";
import type { ActorUpdate } from "./actor-update.ts";
import type { NamedCommand } from "./commands.ts";
import type { Answer, BalanceUpdate, Found, RejectionCode, TransferRecord, Wallet } from "./results.ts";
import type { Query } from "./wallet-history.ts";

/** What travels in one WebSocket message. */
export type Payload = string | Uint8Array;

/** One topic to follow. `id` is that of a wallet, an owner or an actor, and empty for the topic `all`. Actors are followed in JSON alone. */
export type Topic =
  | { readonly topic: TopicName; readonly id: string }
  | { readonly topic: "actor"; readonly id: string; readonly actor: string; readonly isWhole: boolean };

/** A topic, with the last version that the reader has seen, of a wallet or an actor. */
export type TopicRequest = Topic & { readonly fromVersion: number | undefined };

/** What the server sends, whatever the encoding. Request id 0: not an answer to a request. */
export type ServerMessage =
  | { readonly type: "welcome"; readonly limits: ServerLimits }
  | { readonly type: "results"; readonly requestId: number; readonly answers: readonly Answer[] }
  | { readonly type: "wallets"; readonly requestId: number; readonly wallets: readonly Found<Wallet>[] }
  | { readonly type: "transfer"; readonly requestId: number; readonly transfer: Found<TransferRecord> }
  | { readonly type: "found"; readonly requestId: number; readonly found: object }
  | { readonly type: "subscribed"; readonly requestId: number }
  | { readonly type: "updates"; readonly updates: readonly BalanceUpdate[] }
  | { readonly type: "actors"; readonly updates: readonly ActorUpdate[] }
  | { readonly type: "heartbeat" }
  | RefusedMessage;

/** A request, or with request id 0 the connection, is refused. */
interface RefusedMessage {
  readonly type: "refused";
  readonly requestId: number;
  readonly code: RejectionCode;
  readonly message: string;
  /** `not_leader`: where the node is that leads. */
  readonly leader?: string | undefined;
}

/** What the server tells of itself in the first message of a connection. */
export interface ServerLimits {
  readonly messageBytesMax: number;
  readonly commandsPerMessageMax: number;
  readonly lookupsPerMessageMax: number;
  readonly inFlightMax: number;
  readonly heartbeatIntervalMs: number;
}

/** One of the two encodings of the protocol. */
export interface Codec {
  readonly subprotocol: Subprotocol;
  /** Room that a command takes in a message, or more. */
  commandBytesMax(command: NamedCommand): number;
  /** Room that everything but the commands takes. */
  readonly messageOverheadBytes: number;
  encodeCommands(requestId: number, commands: readonly NamedCommand[]): Payload;
  encodeActorCommands(requestId: number, commands: readonly NamedActorCommand[]): Payload;
  encodeLookupWallets(requestId: number, walletIds: readonly string[]): Payload;
  encodeLookupTransfer(requestId: number, commandId: string): Payload;
  encodeQuery(requestId: number, query: Query): Payload;
  encodeSubscribe(requestId: number, request: TopicRequest): Payload;
  encodeUnsubscribe(requestId: number, request: TopicRequest): Payload;
  /**
   * Reads one WebSocket message.
   *
   * **Errors**: throws a MizanError `protocol_violation` on what the protocol does not know.
   */
  decode(data: unknown): ServerMessage[];
}
