import { REQUEST_FLAG } from "../engine/port/entries.ts";
import { CODES, type Code, type Refusal } from "../protocol/codes.ts";
import { uuidBytes } from "../protocol/ids.ts";
import type { JsonCommand } from "../protocol/json-commands.ts";
import { check } from "../protocol/json-fault.ts";
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
import type { Caller } from "./caller.ts";
import { CLOSE, type Connection, type Socket } from "./connection.ts";
import type { GatewayContext } from "./context.ts";
import { encodeCommands, errorText, readResult, resultFields } from "./json-command.ts";
import { answerFields, answerQuery } from "./json-queries.ts";
import { deltasText } from "./json-view.ts";
import { asPlainTransfer } from "./plain-transfer.ts";
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

  /** With a refusal the peer is told so, and the connection closes. */
  constructor(context: GatewayContext, caller: Caller, refusal?: Refusal) {
    this.#context = context;
    this.#refusal = refusal;
    this.principal = caller;
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
    this.#send(
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
    const { counters } = this.#context;
    counters.messagesReceived += 1;
    counters.bytesReceived += data.byteLength;
    if (isBinary) {
      counters.refuse("malformed_json");
      this.#sendUnasked("malformed_json", "this subprotocol is text");
      return;
    }
    let value: unknown;
    try {
      value = JSON.parse(Buffer.from(data).toString());
    } catch {
      counters.refuse("malformed_json");
      this.#sendUnasked("malformed_json");
      return;
    }
    const transfer = asPlainTransfer(value);
    const checked = transfer === undefined ? check(jsonRequest, value) : ({ ok: true, value: transfer } as const);
    if (checked.ok) {
      const code = this.#admit(checked.value);
      if (code !== "ok") this.#refuse(checked.value.requestId, code);
    } else {
      const { code, message, field } = checked.fault;
      counters.refuse(code);
      this.#sendAnswer(requestIdOf(value), `"ok":false,"error":${errorText(code, { message, field })}`);
    }
  }

  onDrain(): void {
    this.#context.streams.drained(this);
  }

  onClose(): void {
    if (this.#socket === undefined) return;
    this.#socket = undefined;
    this.#context.counters.jsonConnections -= 1;
    this.#context.streams.drop(this);
  }

  bufferedBytes(): number {
    return this.#socket?.getBufferedAmount() ?? 0;
  }

  sendDeltas(deltas: Uint8Array, count: number): void {
    this.#send(`{"type":"Balances","deltas":[${deltasText(deltas, count)}]}`);
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
    const { counters } = this.#context;
    if (this.bufferedBytes() > 0) {
      counters.slowConsumersClosed += 1;
      this.closeSlow();
    } else {
      counters.silentPeersClosed += 1;
      this.close(CLOSE.tryAgainLater, "idle_timeout");
    }
  }

  onHeartbeat(nowMs: number): void {
    if (!this.#sentSinceHeartbeat) this.#send(`{"type":"Heartbeat","timestampMs":${nowMs}}`);
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
        return this.#batch(requestId, request.commands);
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
        return this.#command(requestId, request);
      default:
        return unreachable(request);
    }
  }

  #command(requestId: number, command: JsonCommand): Code {
    return this.#begin(
      this.#context.dispatcher.commands(
        this.principal,
        REQUEST_FLAG.details,
        encodeCommands([command]),
        1,
        (results) => this.#end(requestId, resultFields(readResult(command, results, 0))),
        requestId,
      ),
    );
  }

  #batch(requestId: number, commands: readonly JsonCommand[]): Code {
    const records = encodeCommands(commands);
    return this.#begin(
      this.#context.dispatcher.commands(
        this.principal,
        REQUEST_FLAG.details,
        records,
        commands.length,
        (results) => {
          const answers = commands.map((command, index) => `{${resultFields(readResult(command, results, index))}}`);
          this.#end(requestId, `"ok":true,"result":{"results":[${answers.join(",")}]}`);
        },
        requestId,
      ),
    );
  }

  #follow(request: Extract<JsonRequest, { type: "Subscribe" | "Unsubscribe" }>): Code {
    const { requestId, topic } = request;
    const id = topic === "all" ? NO_ID : uuidBytes(topic === "wallet" ? request.walletId : request.ownerId);
    const done = (code: Code): void =>
      this.#end(requestId, code === "ok" ? '"ok":true,"result":{}' : `"ok":false,"error":${errorText(code)}`);
    this.#inflight += 1;
    if (request.type === "Unsubscribe") {
      this.#context.streams.unsubscribe(this, topic, id, done);
      return "ok";
    }
    const fromVersion = "fromVersion" in request ? (request.fromVersion ?? -1) : -1;
    this.#context.streams.subscribe(this, topic, id, fromVersion === 0 ? -1 : fromVersion, done);
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

  #refuse(requestId: number, code: Code): void {
    this.#context.counters.refuse(code);
    this.#sendAnswer(requestId, `"ok":false,"error":${errorText(code, { leader: this.#leaderOf(code) })}`);
  }

  #sendAnswer(requestId: number, fields: string): void {
    this.#send(`{"requestId":${requestId},${fields}}`);
  }

  #sendUnasked(code: Code, message: string = CODES[code].meaning): void {
    this.#send(`{"type":"Error","error":${errorText(code, { message, leader: this.#leaderOf(code) })}}`);
  }

  #leaderOf(code: Code): string | undefined {
    return code === "not_leader" ? this.#context.role.leader?.nodeUrl : undefined;
  }

  #send(message: string): void {
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

/** The request id of a message that is not a valid request, as far as it has one; else 0. */
function requestIdOf(value: unknown): number {
  const requestId = typeof value === "object" && value !== null && "requestId" in value ? value.requestId : 0;
  return typeof requestId === "number" && Number.isInteger(requestId) && requestId > 0 ? requestId : 0;
}
