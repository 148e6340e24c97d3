import { once } from "node:events";
import WebSocket from "ws";
import { type Code, codeName } from "../protocol/codes.ts";
import { OPERATION, type OperationName, RECORD, WALLET_TYPE } from "../protocol/command-record.ts";
import { CURRENCY_CODES, type Currency, currencyNumber } from "../protocol/currencies.ts";
import { formatUuid, writeUuid } from "../protocol/ids.ts";
import { readInt64, readUint64 } from "../protocol/int64.ts";
import { RECORD_BYTES, WIRE_HEADER_BYTES } from "../protocol/limits.ts";
import { RESULT, RESULT_BYTES, RESULT_FLAG, WALLET, WALLET_BYTES } from "../protocol/result-record.ts";
import { FRAME, FRAME_FLAG, FRAME_TYPE, writeFrameHeader } from "../protocol/wire-frame.ts";

/** A command as a test writes it down. */
export interface WireCommand {
  readonly operation: OperationName;
  readonly id: string;
  readonly walletId: string;
  readonly counterpartyId?: string;
  readonly amountMinor?: number;
  readonly currency?: Currency;
}

export interface WireResult {
  readonly code: Code;
  readonly replayed: boolean;
  readonly position: string;
}

export interface WireWallet {
  readonly id: string;
  readonly code: Code;
  readonly postedMinor: number;
  readonly heldMinor: number;
  readonly version: number;
}

/** A command on an actor as a test writes it down; a text in place of the command goes as it is. */
export interface WireActorCommand {
  readonly id: string;
  readonly actor: string;
  readonly actorId: string;
  readonly command: object | string;
}

export interface WireActorResult extends WireResult {
  readonly version: number;
  readonly state: Readonly<Record<string, unknown>> | null;
}

/**
 * The smallest client of the binary protocol: no batching, no retries, no reconnecting, so that a test sees exactly what
 * was sent and what was answered. Written from protocol/PROTOCOL.md, independently of the SDK.
 */
export class WireClient {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, { resolve: (frame: Buffer) => void; reject: (error: Error) => void }>();
  #nextRequestId = 1;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data: Buffer) => this.#take(data));
    socket.on("close", () => this.#fail(new Error("the connection was closed")));
    socket.on("error", () => {});
  }

  static async connect(port: number, key: string): Promise<WireClient> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/ws`, "mizan.binary.v1", {
      headers: { authorization: `Bearer ${key}` },
      perMessageDeflate: false,
    });
    const client = new WireClient(socket);
    await once(socket, "open");
    return client;
  }

  /** Sends commands in one frame, in the trace of 32 bytes where one is given; rejects if the connection ends before the answer. */
  async commands(commands: readonly WireCommand[], trace?: Uint8Array): Promise<WireResult[]> {
    const records = Buffer.alloc(commands.length * RECORD_BYTES);
    for (const [index, command] of commands.entries()) writeCommand(records, index * RECORD_BYTES, command);
    return this.records(records, commands.length, trace);
  }

  /** Sends records that are encoded already. */
  async records(records: Uint8Array, count: number, trace?: Uint8Array): Promise<WireResult[]> {
    const payload = Buffer.concat(trace === undefined ? [records] : [trace, records]);
    const flags = trace === undefined ? 0 : FRAME_FLAG.traced;
    const answer = await this.#request(FRAME_TYPE.Commands, count, payload, { flags });
    const lanes = lanesOf(answer);
    return Array.from({ length: count }, (_, index) => {
      const at = index * RESULT_BYTES;
      return {
        code: codeName(answer.readUInt16LE(at + RESULT.code)),
        replayed: (answer[at + RESULT.flags] & RESULT_FLAG.replayed) !== 0,
        position: `${answer[at + RESULT.shard]}:${readUint64(lanes, (at + RESULT.sequence) >>> 2)}`,
      };
    });
  }

  /** Sends commands on actors in one frame; their states come only where they are asked for. */
  async actorCommands(commands: readonly WireActorCommand[], withStates = false): Promise<WireActorResult[]> {
    const payload = Buffer.concat(commands.map(actorRecord));
    const flags = withStates ? FRAME_FLAG.details : 0;
    const answer = await this.#request(FRAME_TYPE.ActorCommands, commands.length, payload, { flags });
    let at = 0;
    return commands.map(() => {
      const stateBytes = answer.readUInt32LE(at + 4);
      const state = answer.subarray(at + 24, at + 24 + stateBytes).toString();
      const result = {
        code: codeName(answer.readUInt16LE(at)),
        replayed: answer[at + 2] === 1,
        position: `${answer[at + 3]}:${answer.readBigUInt64LE(at + 8)}`,
        version: Number(answer.readBigUInt64LE(at + 16)),
        state: state === "" ? null : JSON.parse(state),
      };
      at += 24 + Math.ceil(stateBytes / 8) * 8;
      return result;
    });
  }

  async wallets(ids: readonly string[]): Promise<WireWallet[]> {
    const payload = Buffer.alloc(ids.length * 16);
    for (const [index, id] of ids.entries()) writeUuid(id, payload, index * 16);
    const answer = await this.#request(FRAME_TYPE.LookupWallets, ids.length, payload);
    const lanes = lanesOf(answer);
    return ids.map((_, index) => {
      const at = index * WALLET_BYTES;
      return {
        id: formatUuid(answer, at),
        code: codeName(answer.readUInt16LE(at + WALLET.code)),
        postedMinor: readInt64(lanes, (at + WALLET.postedMinor) >>> 2),
        heldMinor: readInt64(lanes, (at + WALLET.heldMinor) >>> 2),
        version: readUint64(lanes, (at + WALLET.version) >>> 2),
      };
    });
  }

  /** Asks a query, given as a value or as the text itself; rejects with the code of a refusal. */
  async query(query: object | string | Uint8Array): Promise<Record<string, unknown>> {
    const isText = typeof query === "string" || query instanceof Uint8Array;
    const text = Buffer.from(isText ? query : JSON.stringify(query));
    const payload = Buffer.alloc(Math.ceil(text.byteLength / 8) * 8);
    text.copy(payload);
    return JSON.parse((await this.#request(FRAME_TYPE.Query, 1, payload, { argument: text.byteLength })).toString());
  }

  close(): void {
    this.#socket.terminate();
  }

  #request(
    type: number,
    count: number,
    payload: Buffer,
    facts: { readonly flags?: number; readonly argument?: number } = {},
  ): Promise<Buffer> {
    const requestId = this.#nextRequestId;
    this.#nextRequestId += 1;
    const frame = Buffer.alloc(WIRE_HEADER_BYTES + payload.byteLength);
    const view = new DataView(frame.buffer, frame.byteOffset);
    writeFrameHeader(view, 0, { frameBytes: frame.byteLength, type, requestId, count, ...facts });
    payload.copy(frame, WIRE_HEADER_BYTES);
    return new Promise((resolve, reject) => {
      this.#waiting.set(requestId, { resolve, reject });
      this.#socket.send(frame, (error) => {
        if (error !== undefined && error !== null) reject(error);
      });
    });
  }

  #take(message: Buffer): void {
    for (let at = 0; at < message.byteLength; ) {
      const frameBytes = message.readUInt32LE(at + FRAME.frameBytes);
      const requestId = message.readUInt32LE(at + FRAME.requestId);
      const waiting = this.#waiting.get(requestId);
      this.#waiting.delete(requestId);
      if (message[at + FRAME.type] === FRAME_TYPE.Error) {
        const error = new Error(codeName(message.readUInt16LE(at + FRAME.code)));
        if (waiting === undefined) this.#fail(error);
        else waiting.reject(error);
      } else {
        const start = at + WIRE_HEADER_BYTES;
        const isText = message[at + FRAME.type] === FRAME_TYPE.QueryResult;
        const end = isText ? start + Number(message.readBigUInt64LE(at + FRAME.argument)) : at + frameBytes;
        waiting?.resolve(Buffer.from(message.subarray(start, end)));
      }
      at += frameBytes;
    }
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

function writeCommand(bytes: Buffer, at: number, command: WireCommand): void {
  writeUuid(command.id, bytes, at + RECORD.id);
  writeUuid(command.walletId, bytes, at + RECORD.wallet);
  if (command.counterpartyId !== undefined) writeUuid(command.counterpartyId, bytes, at + RECORD.counterparty);
  bytes.writeBigUInt64LE(BigInt(command.amountMinor ?? 0), at + RECORD.amountMinor);
  bytes[at + RECORD.operation] = OPERATION[command.operation];
  const currency = command.operation === "CreateWallet" ? (command.currency ?? CURRENCY_CODES[0]) : command.currency;
  bytes.writeUInt16LE(currency === undefined ? 0 : currencyNumber(currency), at + RECORD.currency);
  bytes[at + RECORD.walletType] = command.operation === "CreateWallet" ? WALLET_TYPE.customer : 0;
}

function lanesOf(bytes: Buffer): Uint32Array {
  const copy = bytes.byteOffset % 4 === 0 ? bytes : Buffer.from(bytes);
  return new Uint32Array(copy.buffer, copy.byteOffset, copy.byteLength >>> 2);
}

function actorRecord({ id, actor, actorId, command }: WireActorCommand): Buffer {
  const text = Buffer.from(typeof command === "string" ? command : JSON.stringify(command));
  const record = Buffer.alloc(64 + Math.ceil(text.byteLength / 8) * 8);
  writeUuid(id, record, 0);
  writeUuid(actorId, record, 16);
  record.write(actor, 32, "latin1");
  record.writeUInt32LE(text.byteLength, 48);
  text.copy(record, 64);
  return record;
}
