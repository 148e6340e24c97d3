import { sharedClockMs } from "../engine/meter/shared-clock.ts";
import { REQUEST_FLAG } from "../engine/port/entries.ts";
import { CODE, CODES, type Code, codeName, type Refusal } from "../protocol/codes.ts";
import { readUint64 } from "../protocol/int64.ts";
import { INFLIGHT_PER_CONNECTION_MAX, MESSAGE_BYTES_MAX } from "../protocol/limits.ts";
import {
  FRAME_FLAG,
  FRAME_TYPE,
  PROTOCOL_MINOR,
  SUBSCRIPTION,
  SUBSCRIPTION_BYTES,
  TOPIC,
  type TopicName,
} from "../protocol/wire-frame.ts";
import { type ActorOutcome, commandActors } from "./actor-commands.ts";
import { readActorCommands, writeActorResults } from "./binary-actors.ts";
import { type RequestFrame, readRequestFrame } from "./binary-frames.ts";
import type { Caller } from "./caller.ts";
import { CLOSE, type Connection, type Socket } from "./connection.ts";
import type { GatewayContext } from "./context.ts";
import { answerQuery, readQuery } from "./json-queries.ts";
import { OutgoingFrames } from "./outgoing-frames.ts";
import { closeSilentPeer } from "./silent-peer.ts";
import { traceFrame } from "./tracing/traced-commands.ts";
import { welcomePayload } from "./welcome-frame.ts";

const NOTHING = new Uint8Array(0);
const TEXT = new TextEncoder();
const TOPIC_NAMES = new Map<number, TopicName>(
  Object.entries(TOPIC).map(([name, number]) => [number, name as TopicName]),
);

/** One WebSocket that speaks `mizan.binary.v1`. */
export class BinaryConnection implements Connection {
  readonly principal: Caller;
  readonly keyId: string;
  readonly #context: GatewayContext;
  readonly #frames = new OutgoingFrames();
  readonly #refusal: Refusal | undefined;
  #socket: Socket | undefined;
  #inflight = 0;
  #isScheduled = false;
  #sentSinceHeartbeat = false;
  /** When the message at hand came, where anything is traced. */
  #receivedMs = 0;

  /** With a refusal the peer is told so, and the connection closes. */
  constructor(context: GatewayContext, caller: Caller, refusal?: Refusal) {
    this.#context = context;
    this.#refusal = refusal;
    context.counters.connectionsOpened += 1;
    this.principal = { ...caller, connectionId: context.counters.connectionsOpened };
    this.keyId = caller.keyId;
  }

  onOpen(socket: Socket): void {
    this.#socket = socket;
    this.#context.counters.binaryConnections += 1;
    const refusal = this.#refusal;
    if (refusal !== undefined) this.#endConnection(refusal, CODES[refusal].meaning, CLOSE.policyViolation);
    else
      this.#send({ type: FRAME_TYPE.Welcome, argument: PROTOCOL_MINOR }, welcomePayload(this.#context, this.principal));
  }

  onMessage(data: ArrayBuffer, isBinary: boolean): void {
    const { counters, tracer } = this.#context;
    if (tracer !== undefined) this.#receivedMs = sharedClockMs();
    counters.messagesReceived += 1;
    counters.bytesReceived += data.byteLength;
    if (!isBinary) {
      this.#failConnection("malformed_frame", "this subprotocol is binary", CLOSE.unsupportedData);
      return;
    }
    if (data.byteLength > MESSAGE_BYTES_MAX) {
      this.#failConnection(
        "message_too_large",
        `a message has at most ${MESSAGE_BYTES_MAX} bytes`,
        CLOSE.messageTooBig,
      );
      return;
    }
    const message = new Uint8Array(data);
    let at = 0;
    do {
      const frame = readRequestFrame(message, at);
      if (frame === undefined) {
        this.#failConnection("malformed_frame", `the bytes at ${at} do not form a frame`, CLOSE.protocolError);
        return;
      }
      if (frame.requestId === 0) {
        this.#failConnection("invalid_request", "a request has an id other than 0", CLOSE.protocolError);
        return;
      }
      const code = this.#admit(frame);
      if (code !== "ok") this.#refuse(frame.requestId, code);
      at = frame.end;
    } while (at < message.byteLength);
  }

  onDrain(): void {
    this.#context.streams.drained(this);
  }

  onClose(): void {
    if (this.#socket === undefined) return;
    this.#socket = undefined;
    this.#context.counters.binaryConnections -= 1;
    this.#context.streams.drop(this);
  }

  bufferedBytes(): number {
    return this.#socket?.getBufferedAmount() ?? 0;
  }

  sendDeltas(deltas: Uint8Array, count: number): void {
    this.#send({ type: FRAME_TYPE.Deltas, count }, deltas);
  }

  closeSlow(): void {
    this.#endConnection("slow_consumer", CODES.slow_consumer.meaning, CLOSE.tryAgainLater);
  }

  flush(): void {
    this.#isScheduled = false;
    if (this.#socket === undefined || this.#frames.isEmpty) return;
    this.#context.counters.bytesSent += this.#frames.length;
    this.#sentSinceHeartbeat = true;
    this.#socket.send(this.#frames.take(), true);
    if (this.bufferedBytes() > this.#context.config.socketBufferedMaxBytes) {
      this.#context.counters.slowConsumersClosed += 1;
      this.closeSlow();
    }
  }

  ping(): void {
    this.#socket?.ping();
  }

  closeSilent(): void {
    closeSilentPeer(this, this.#context.counters);
  }

  onHeartbeat(nowMs: number): void {
    if (!this.#sentSinceHeartbeat) this.#send({ type: FRAME_TYPE.Heartbeat, argument: nowMs }, NOTHING);
    this.#sentSinceHeartbeat = false;
  }

  close(closeCode: number, reason: string): void {
    if (!this.#frames.isEmpty) this.#socket?.send(this.#frames.take(), true);
    this.#socket?.end(closeCode, reason);
  }

  dismiss(): void {
    this.#endConnection("not_leader", this.#textOf("not_leader"), CLOSE.notLeader);
  }

  /** Takes a request on, or says why not. */
  #admit(frame: RequestFrame): Code {
    if (frame.code !== "ok") return frame.code;
    if (this.#inflight >= INFLIGHT_PER_CONNECTION_MAX) return "overloaded";
    if (this.bufferedBytes() > this.#context.config.socketBufferedSoftBytes) return "overloaded";
    switch (frame.type) {
      case FRAME_TYPE.Commands:
        return this.#commands(frame);
      case FRAME_TYPE.ActorCommands:
        return this.#actorCommands(frame);
      case FRAME_TYPE.LookupWallets:
        return this.#lookupWallets(frame);
      case FRAME_TYPE.LookupTransfer:
        return this.#lookupTransfer(frame);
      case FRAME_TYPE.Subscribe:
        return this.#subscribe(frame);
      case FRAME_TYPE.Unsubscribe:
        return this.#unsubscribe(frame);
      case FRAME_TYPE.Ping:
        this.#send({ type: FRAME_TYPE.Pong, requestId: frame.requestId, argument: frame.argument }, NOTHING);
        return "ok";
      case FRAME_TYPE.Query:
        return this.#query(frame);
      default:
        return "unknown_operation";
    }
  }

  #commands(frame: RequestFrame): Code {
    const { requestId, payload, count } = frame;
    const flags = frame.flags & FRAME_FLAG.details;
    const details = flags === 0 ? 0 : REQUEST_FLAG.details;
    const requestFlags = REQUEST_FLAG.timeOrderedIds | details;
    const done = (results: Uint8Array): void => {
      this.#inflight -= 1;
      this.#send({ type: FRAME_TYPE.Results, flags, requestId, count }, results);
    };
    const { dispatcher, tracer } = this.#context;
    const trace = traceFrame(tracer, frame, this.#receivedMs);
    const code = dispatcher.commands(this.principal, requestFlags, payload, count, done, requestId, trace);
    trace?.handed(code);
    return this.#begin(code);
  }

  #actorCommands({ requestId, payload, count, flags }: RequestFrame): Code {
    const commands = readActorCommands(payload, count);
    const done = (outcomes: readonly ActorOutcome[]): void => {
      this.#inflight -= 1;
      this.#send({ type: FRAME_TYPE.ActorResults, flags, requestId, count }, writeActorResults(outcomes));
    };
    const withStates = (flags & FRAME_FLAG.details) !== 0;
    return this.#begin(commandActors(this.#context.dispatcher, this.principal, commands, withStates, done));
  }

  #lookupWallets({ requestId, payload, count }: RequestFrame): Code {
    const done = (wallets: Uint8Array | Refusal): void => {
      this.#inflight -= 1;
      if (typeof wallets === "string") this.#sendError(requestId, wallets, this.#textOf(wallets));
      else this.#send({ type: FRAME_TYPE.Wallets, requestId, count }, wallets);
    };
    return this.#begin(this.#context.dispatcher.lookupWallets(this.principal, payload, done));
  }

  #lookupTransfer({ requestId, payload }: RequestFrame): Code {
    return this.#begin(
      this.#context.dispatcher.lookupTransfer(this.principal, payload, (view) => {
        this.#inflight -= 1;
        if (view === "replication_pending") {
          this.#sendError(requestId, view, this.#textOf(view));
          return;
        }
        const isFound = typeof view !== "string";
        const text = isFound ? TEXT.encode(JSON.stringify(view)) : NOTHING;
        const facts = { code: isFound ? 0 : CODES[view].number, count: isFound ? 1 : 0, argument: text.byteLength };
        this.#send({ type: FRAME_TYPE.Transfer, requestId, ...facts }, text);
      }),
    );
  }

  #query({ requestId, payload, argument }: RequestFrame): Code {
    const read = readQuery(payload.subarray(0, Number(argument)));
    if (!read.ok) {
      const { code, message, field } = read.fault;
      this.#refuse(requestId, code, field === "" ? message : `${field}: ${message}`);
      return "ok";
    }
    return this.#begin(
      answerQuery(this.#context, this.principal, read.value, (result) => {
        this.#inflight -= 1;
        if ("code" in result) {
          this.#sendError(requestId, result.code, CODES[result.code].meaning);
          return;
        }
        const text = TEXT.encode(result.text);
        this.#send({ type: FRAME_TYPE.QueryResult, requestId, count: 1, argument: text.byteLength }, text);
      }),
    );
  }

  #begin(code: Code): Code {
    if (code === "ok") this.#inflight += 1;
    return code;
  }

  /** Answered when every record has been, in the order asked for. */
  #subscribe({ requestId, payload, count }: RequestFrame): Code {
    const topics = readTopics(payload.slice(), count);
    if (topics === undefined) return "invalid_request";
    this.#inflight += 1;
    const take = this.#codesOf(requestId, count);
    for (const [index, { topic, id, fromVersion }] of topics.entries()) {
      this.#context.streams.subscribe(this, topic, id, fromVersion, take(index));
    }
    return "ok";
  }

  /** Takes the code of each record of a request, and answers with the last one. */
  #codesOf(requestId: number, count: number): (index: number) => (code: Code) => void {
    const codes = new Uint16Array(count);
    let left = count;
    return (index) => (code) => {
      codes[index] = CODES[code].number;
      left -= 1;
      if (left > 0) return;
      this.#inflight -= 1;
      this.#sendSubscribed(requestId, codes);
    };
  }

  #unsubscribe({ requestId, payload, count }: RequestFrame): Code {
    const topics = readTopics(payload.slice(), count);
    if (topics === undefined) return "invalid_request";
    this.#inflight += 1;
    const take = this.#codesOf(requestId, count);
    for (const [index, { topic, id }] of topics.entries())
      this.#context.streams.unsubscribe(this, topic, id, take(index));
    return "ok";
  }

  #sendSubscribed(requestId: number, codes: Uint16Array): void {
    const accepted = codes.reduce((sum, code) => sum + (code === CODE.ok ? 1 : 0), 0);
    if (accepted === 0) {
      this.#refuse(requestId, codeName(codes[0] as number));
      return;
    }
    const code = codes.find((code) => code !== CODE.ok) ?? CODE.ok;
    const facts = { type: FRAME_TYPE.Subscribed, code, requestId, count: accepted, argument: codes.length };
    this.#send(facts, new Uint8Array(codes.buffer));
  }

  /** What an Error frame says; of not_leader where the node is that leads, as far as that is known. */
  #textOf(code: Code): string {
    return code === "not_leader" ? (this.#context.role.leader?.nodeUrl ?? "") : CODES[code].meaning;
  }

  #refuse(requestId: number, code: Code, message: string = this.#textOf(code)): void {
    this.#context.counters.refuse(code);
    this.#context.refusals.refused(this.principal, { requestId, code, message });
    this.#sendError(requestId, code, message);
  }

  #failConnection(code: Code, message: string, closeCode: number): void {
    this.#context.refusals.broken(this.principal, { code, message });
    this.#endConnection(code, message, closeCode);
  }

  #endConnection(code: Code, message: string, closeCode: number): void {
    this.#sendError(0, code, message);
    this.close(closeCode, code);
  }

  #sendError(requestId: number, code: Code, message: string): void {
    const text = TEXT.encode(message);
    const facts = { type: FRAME_TYPE.Error, code: CODES[code].number, requestId, argument: text.byteLength };
    this.#send(facts, text);
  }

  #send(facts: Parameters<OutgoingFrames["add"]>[0], payload: Uint8Array): void {
    if (this.#socket === undefined) return;
    this.#frames.add(facts, payload);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#context.turn.add(this);
  }
}

interface TopicRecord {
  readonly topic: TopicName;
  readonly id: Uint8Array;
  /** -1 where the reader has seen none. */
  readonly fromVersion: number;
}

/** The subscription records of a frame, or undefined where one names no topic. */
function readTopics(payload: Uint8Array, count: number): TopicRecord[] | undefined {
  const aligned = payload.byteOffset % 4 === 0 ? payload : payload.slice();
  const lanes = new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength >>> 2);
  const topics: TopicRecord[] = [];
  for (let at = 0; at < count * SUBSCRIPTION_BYTES; at += SUBSCRIPTION_BYTES) {
    const topic = TOPIC_NAMES.get(payload[at + SUBSCRIPTION.topic]);
    if (topic === undefined) return undefined;
    const version = readUint64(lanes, (at + SUBSCRIPTION.fromVersion) >>> 2);
    topics.push({ topic, id: payload.subarray(at, at + 16), fromVersion: version === 0 ? -1 : version });
  }
  return topics;
}
