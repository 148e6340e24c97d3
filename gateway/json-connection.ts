import { sharedClockMs } from "../engine/meter/shared-clock.ts";
import { REQUEST_FLAG } from "../engine/port/entries.ts";
import { CODES, type Code, type Refusal } from "../protocol/codes.ts";
import { uuidBytes } from "../protocol/ids.ts";
import type { JsonActorCommand } from "../protocol/json-actor-command.ts";
import type { JsonCommand } from "../protocol/json-commands.ts";
import { type Checked, check } from "../protocol/json-fault.ts";
import { type JsonRequest, jsonRequest } from "../protocol/json-requests.ts";
import {
  COMMANDS_PER_MESSAGE_MAX,
  HTTP_BODY_BYTES_MAX,
  INFLIGHT_PER_CONNECTION_MAX,
  LOOKUPS_PER_MESSAGE_MAX,
  SUBSCRIPTIONS_PER_CONNECTION_MAX,
} from "../protocol/limits.ts";
import { unreachable } from "../protocol/unreachable.ts";
import { PROTOCOL_MINOR } from "../protocol/wire-frame.ts";
import { commandActors } from "./actor-commands.ts";
import type { Caller } from "./caller.ts";
import { CLOSE, type Connection, type Socket } from "./connection.ts";
import type { GatewayContext } from "./context.ts";
import {
  actorCommandOf,
  actorFields,
  checkActors,
  isActorCommand,
  isWalletCommand,
  linksToActor,
} from "./json-actors.ts";
import { encodeCommands, errorText, readResult, resultFields } from "./json-command.ts";
import { answerFields, answerQuery } from "./json-queries.ts";
import { deltasText } from "./json-view.ts";
import { asPlainTransfer } from "./plain-transfer.ts";
import { closeSilentPeer } from "./silent-peer.ts";
import { type TraceFields, traceCommands } from "./tracing/traced-commands.ts";
import { acksOf } from "./welcome-frame.ts";

const NO_ID = new Uint8Array(0);

/** One WebSocket that speaks `mizan.json.v1`: one JSON object a message, in both directions. */
export class JsonConnection implements Connection {
  readonly principal: Caller;
  readonly keyId: string;
  readonly #context: GatewayContext;
  readonly #messages: string[] = [];
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
    this.#context.counters.jsonConnections += 1;
    if (this.#refusal !== undefined) {
      this.#sendUnasked(this.#refusal);
      this.close(CLOSE.policyViolation, this.#refusal);
      return;
    }
    const { role } = this.#context;
    this.#sendText(
      JSON.stringify({
        type: "Welcome",
        minor: PROTOCOL_MINOR,
        commandsPerMessageMax: COMMANDS_PER_MESSAGE_MAX,
        messageBytesMax: HTTP_BODY_BYTES_MAX,
        inflightMax: INFLIGHT_PER_CONNECTION_MAX,
        lookupsPerMessageMax: LOOKUPS_PER_MESSAGE_MAX,
        subscriptionsMax: SUBSCRIPTIONS_PER_CONNECTION_MAX,
        shards: this.#context.engine.shardCount,
        heartbeatIntervalMs: this.#context.config.heartbeatIntervalMs,
        role: role.name,
        acks: acksOf(this.#context, this.principal),
        leader: role.isLeading ? undefined : role.leader?.nodeUrl,
      }),
    );
  }

  onMessage(data: ArrayBuffer, isBinary: boolean): void {
    const { counters, tracer } = this.#context;
    if (tracer !== undefined) this.#receivedMs = sharedClockMs();
    counters.messagesReceived += 1;
    counters.bytesReceived += data.byteLength;
    if (isBinary) {
      this.#malformed("this subprotocol is text");
      return;
    }
    let value: unknown;
    try {
      value = JSON.parse(Buffer.from(data).toString());
    } catch {
      this.#malformed(CODES.malformed_json.meaning);
      return;
    }
    const checked = read(value);
    if (checked.ok) {
      const code = this.#admit(checked.value);
      if (code !== "ok") this.#refuse(checked.value.requestId, code);
    } else {
      const { code, message, field } = checked.fault;
      const requestId = requestIdOf(value);
      counters.refuse(code);
      this.#context.refusals.refused(this.principal, { requestId, code, message: `${field}: ${message}` });
      this.#sendAnswer(requestId, `"ok":false,"error":${errorText(code, { message, field })}`);
    }
  }

  onDrain(): void {
    this.#context.streams.drained(this);
    this.#context.streams.actors.drained(this);
  }

  onClose(): void {
    if (this.#socket === undefined) return;
    this.#socket = undefined;
    this.#context.counters.jsonConnections -= 1;
    this.#context.streams.drop(this);
    this.#context.streams.actors.drop(this);
  }

  bufferedBytes(): number {
    return this.#socket?.getBufferedAmount() ?? 0;
  }

  sendDeltas(deltas: Uint8Array, count: number): void {
    this.#sendText(`{"type":"Balances","deltas":[${deltasText(deltas, count)}]}`);
  }

  sendActors(steps: string): void {
    this.#sendText(`{"type":"Actors","steps":[${steps}]}`);
  }

  closeSlow(): void {
    this.#sendUnasked("slow_consumer");
    this.close(CLOSE.tryAgainLater, "slow_consumer");
  }

  flush(): void {
    this.#isScheduled = false;
    const socket = this.#socket;
    if (socket === undefined || this.#messages.length === 0) return;
    this.#sentSinceHeartbeat = true;
    this.#sendAll(socket);
    if (socket.getBufferedAmount() > this.#context.config.socketBufferedMaxBytes) {
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
    if (!this.#sentSinceHeartbeat) this.#sendText(`{"type":"Heartbeat","timestampMs":${nowMs}}`);
    this.#sentSinceHeartbeat = false;
  }

  close(closeCode: number, reason: string): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    this.#sendAll(socket);
    socket.end(closeCode, reason);
  }

  dismiss(): void {
    this.#sendUnasked("not_leader");
    this.close(CLOSE.notLeader, "not_leader");
  }

  /** Takes a request on, or says why not. */
  #admit(request: JsonRequest): Code {
    if (this.#inflight >= INFLIGHT_PER_CONNECTION_MAX) return "overloaded";
    if (this.bufferedBytes() > this.#context.config.socketBufferedSoftBytes) return "overloaded";
    const { requestId } = request;
    switch (request.type) {
      case "Ping":
        this.#sendAnswer(requestId, '"ok":true,"result":{}');
        return "ok";
      case "Batch":
        return this.#batch(request);
      case "GetWallet":
      case "GetBalance":
      case "GetWallets":
      case "GetHolds":
      case "ListTransactions":
      case "GetBalanceAt":
      case "GetStatement":
      case "GetHold":
      case "GetTransfer":
      case "GetTrialBalance":
      case "GetReplication":
        return this.#begin(
          answerQuery(this.#context, this.principal, request, (result) => this.#end(requestId, answerFields(result))),
        );
      case "Subscribe":
      case "Unsubscribe":
        return this.#follow(request);
      case "Transfer":
      case "Credit":
      case "Debit":
      case "CreateWallet":
      case "ActivateWallet":
      case "FreezeWallet":
      case "UnfreezeWallet":
      case "CloseWallet":
      case "SetOverdraftLimit":
      case "StripeWallet":
      case "PlaceHold":
      case "CaptureHold":
      case "VoidHold":
      case "ReverseTransfer":
      case "ExchangeCurrency":
      case "SetWalletLimits":
        return this.#command(request);
      case "ActorCommand":
        return this.#actorCommand(request);
      default:
        return unreachable(request);
    }
  }

  #command(command: Extract<JsonRequest, JsonCommand>): Code {
    return this.#begin(this.#send(command, [command], ([fields]) => this.#end(command.requestId, fields)));
  }

  #actorCommand(request: Extract<JsonRequest, JsonActorCommand>): Code {
    return this.#begin(this.#sendToActors([request], ([fields]) => this.#end(request.requestId, fields)));
  }

  /** Commands on wallets go before those on actors. Where one of these parts is refused as a whole, each of it is. */
  #batch(request: Extract<JsonRequest, { type: "Batch" }>): Code {
    const { requestId, commands } = request;
    if (linksToActor(commands)) return "linked_run_open";
    const ofWallets = commands.filter(isWalletCommand);
    const ofActors = commands.filter(isActorCommand);
    const parts: (readonly string[])[] = [];
    let left = 0;
    const take =
      (part: number) =>
      (answers: readonly string[]): void => {
        parts[part] = answers;
        left -= 1;
        if (left > 0) return;
        const [wallets, actors] = [(parts[0] ?? []).values(), (parts[1] ?? []).values()];
        const results = commands.map((one) => `{${(isActorCommand(one) ? actors : wallets).next().value}}`);
        this.#end(requestId, `"ok":true,"result":{"results":[${results.join(",")}]}`);
      };
    const codes = [
      ofWallets.length === 0 ? undefined : this.#send(request, ofWallets, take(0)),
      ofActors.length === 0 ? undefined : this.#sendToActors(ofActors, take(1)),
    ];
    left = codes.filter((code) => code === "ok").length;
    const refusal = codes.find((code) => code !== undefined && code !== "ok");
    if (refusal === undefined) return this.#begin("ok");
    if (left === 0) return refusal;
    const part = codes.indexOf(refusal);
    const error = `"ok":false,"error":${errorText(refusal, { leader: this.#leaderOf(refusal) })}`;
    parts[part] = [ofWallets, ofActors][part].map(() => error);
    return this.#begin("ok");
  }

  /** Hands commands on wallets over; `take` gets the fields of each answer. */
  #send(
    request: TraceFields & { readonly requestId: number },
    commands: readonly JsonCommand[],
    take: (answers: readonly string[]) => void,
  ): Code {
    const { dispatcher, tracer } = this.#context;
    const { requestId } = request;
    const done = (results: Uint8Array): void =>
      take(commands.map((command, index) => resultFields(readResult(command, results, index))));
    const traced = traceCommands(tracer, "json", request, commands, this.#receivedMs);
    const records = encodeCommands(commands);
    const name = { requestId, commandId: commands.length === 1 ? commands[0].id : undefined };
    const { length } = commands;
    const code = dispatcher.commands(this.principal, REQUEST_FLAG.details, records, length, done, name, traced);
    traced?.handed(code);
    return code;
  }

  #sendToActors(commands: readonly JsonActorCommand[], take: (answers: readonly string[]) => void): Code {
    const sent = commands.map(actorCommandOf);
    return commandActors(this.#context.dispatcher, this.principal, sent, true, (outcomes) =>
      take(commands.map((command, index) => actorFields(command, outcomes[index]))),
    );
  }

  #follow(request: Extract<JsonRequest, { type: "Subscribe" | "Unsubscribe" }>): Code {
    const { requestId } = request;
    const { streams } = this.#context;
    const done = (code: Code): void =>
      this.#end(requestId, code === "ok" ? '"ok":true,"result":{}' : `"ok":false,"error":${errorText(code)}`);
    this.#inflight += 1;
    const from = "fromVersion" in request ? (request.fromVersion ?? 0) : 0;
    const fromVersion = from === 0 ? -1 : from;
    if (request.topic === "actor") {
      const { actor, actorId } = request;
      const isWhole = "whole" in request && request.whole === true;
      if (request.type === "Unsubscribe") streams.actors.unsubscribe(this, { actor, actorId }, done);
      else streams.actors.subscribe(this, { actor, actorId, isWhole, fromVersion }, done);
      return "ok";
    }
    const { topic } = request;
    const id = topic === "all" ? NO_ID : uuidBytes(topic === "wallet" ? request.walletId : request.ownerId);
    if (request.type === "Unsubscribe") streams.unsubscribe(this, topic, id, done);
    else streams.subscribe(this, topic, id, fromVersion, done);
    return "ok";
  }

  #begin(code: Code): Code {
    if (code === "ok") this.#inflight += 1;
    return code;
  }

  #end(requestId: number, fields: string): void {
    this.#inflight -= 1;
    this.#sendAnswer(requestId, fields);
  }

  #malformed(message: string): void {
    this.#context.counters.refuse("malformed_json");
    this.#context.refusals.broken(this.principal, { code: "malformed_json", message });
    this.#sendUnasked("malformed_json", message);
  }

  #refuse(requestId: number, code: Code): void {
    this.#context.counters.refuse(code);
    this.#context.refusals.refused(this.principal, { requestId, code, message: CODES[code].meaning });
    this.#sendAnswer(requestId, `"ok":false,"error":${errorText(code, { leader: this.#leaderOf(code) })}`);
  }

  #sendAnswer(requestId: number, fields: string): void {
    this.#sendText(`{"requestId":${requestId},${fields}}`);
  }

  #sendUnasked(code: Code, message: string = CODES[code].meaning): void {
    this.#sendText(`{"type":"Error","error":${errorText(code, { message, leader: this.#leaderOf(code) })}}`);
  }

  #leaderOf(code: Code): string | undefined {
    return code === "not_leader" ? this.#context.role.leader?.nodeUrl : undefined;
  }

  #sendText(message: string): void {
    if (this.#socket === undefined) return;
    this.#messages.push(message);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#context.turn.add(this);
  }

  #sendAll(socket: Socket): void {
    socket.cork(() => {
      for (const message of this.#messages) {
        this.#context.counters.bytesSent += message.length;
        socket.send(message);
      }
    });
    this.#messages.length = 0;
  }
}

function read(value: unknown): Checked<JsonRequest> {
  const transfer = asPlainTransfer(value);
  if (transfer !== undefined) return { ok: true, value: transfer };
  const checked = check(jsonRequest, value);
  return checked.ok ? checkActors(checked.value) : checked;
}

/** The request id of a message that is not a valid request, as far as it has one; else 0. */
function requestIdOf(value: unknown): number {
  const requestId = typeof value === "object" && value !== null && "requestId" in value ? value.requestId : 0;
  return typeof requestId === "number" && Number.isInteger(requestId) && requestId > 0 ? requestId : 0;
}
