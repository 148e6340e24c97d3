import { codeName } from "../../protocol/codes.ts";
import { WIRE_HEADER_BYTES } from "../../protocol/limits.ts";
import { DELTA, DELTA_BYTES, DELTA_FLAG } from "../../protocol/result-record.ts";
import {
  FRAME,
  FRAME_TYPE,
  SUBSCRIPTION,
  SUBSCRIPTION_BYTES,
  TOPIC,
  writeFrameHeader,
} from "../../protocol/wire-frame.ts";
import { OPCODE } from "./frame-stream.ts";
import { clientFrame, WebSocketLink } from "./websocket-link.ts";
import type { Endpoint } from "./workload.ts";

/** What followers have seen together. */
export interface FollowCounts {
  deltas: number;
  conflated: number;
  outOfOrder: number;
}

/** The latest that a stream has shown of a wallet. */
export interface Seen {
  version: number;
  postedMinor: number;
  availableMinor: number;
}

/** One connection that follows some wallets and checks that the versions of each come in order. */
export class Follower {
  /** By wallet id as text of its bytes. */
  readonly seen = new Map<string, Seen>();
  readonly #counts: FollowCounts;
  #link: WebSocketLink | undefined;

  private constructor(counts: FollowCounts) {
    this.#counts = counts;
  }

  /** Connects and subscribes. */
  static async open(
    endpoint: Endpoint,
    wallets: readonly Uint8Array[],
    counts: FollowCounts,
    lost: (error: Error) => void,
  ): Promise<Follower> {
    const follower = new Follower(counts);
    follower.#link = await WebSocketLink.open(endpoint, "mizan.binary.v1", {
      readBegins: () => {},
      message: (bytes, start, end) => follower.#onMessage(bytes, start, end),
      readEnds: () => {},
      lost,
    });
    follower.#link.write(subscribeMessage(wallets));
    return follower;
  }

  close(): void {
    this.#link?.close();
  }

  #onMessage(bytes: Uint8Array, start: number, end: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = start; at < end; ) {
      const frameBytes = view.getUint32(at + FRAME.frameBytes, true);
      if (frameBytes < WIRE_HEADER_BYTES) throw new Error(`a frame of ${frameBytes} bytes`);
      const type = view.getUint8(at + FRAME.type);
      if (type === FRAME_TYPE.Error) throw new Error(codeName(view.getUint16(at + FRAME.code, true)));
      if (type === FRAME_TYPE.Deltas) {
        for (let delta = at + WIRE_HEADER_BYTES; delta < at + frameBytes; delta += DELTA_BYTES)
          this.#onDelta(view, delta);
      }
      at += frameBytes;
    }
  }

  #onDelta(view: DataView, at: number): void {
    const wallet = walletKey(new Uint8Array(view.buffer, view.byteOffset + at + DELTA.walletId, 16));
    const flags = view.getUint8(at + DELTA.flags);
    const isState = (flags & (DELTA_FLAG.state | DELTA_FLAG.reset)) !== 0;
    const isConflated = (flags & DELTA_FLAG.conflated) !== 0;
    const version = Number(view.getBigUint64(at + DELTA.version, true));
    const before = this.seen.get(wallet)?.version;
    if (!isState) {
      this.#counts.deltas += 1;
      if (isConflated) this.#counts.conflated += 1;
      const isNext = before !== undefined && (isConflated ? version > before : version === before + 1);
      if (!isNext) this.#counts.outOfOrder += 1;
    }
    this.seen.set(wallet, {
      version,
      postedMinor: Number(view.getBigInt64(at + DELTA.postedMinor, true)),
      availableMinor: Number(view.getBigInt64(at + DELTA.availableMinor, true)),
    });
  }
}

/** A key for the 16 bytes of a wallet id. */
export function walletKey(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString("latin1");
}

function subscribeMessage(wallets: readonly Uint8Array[]): Uint8Array {
  const frame = new Uint8Array(WIRE_HEADER_BYTES + wallets.length * SUBSCRIPTION_BYTES);
  const { byteLength: frameBytes } = frame;
  const type = FRAME_TYPE.Subscribe;
  writeFrameHeader(new DataView(frame.buffer), 0, { frameBytes, type, requestId: 1, count: wallets.length });
  for (const [nth, wallet] of wallets.entries()) {
    const at = WIRE_HEADER_BYTES + nth * SUBSCRIPTION_BYTES;
    frame.set(wallet, at + SUBSCRIPTION.id);
    frame[at + SUBSCRIPTION.topic] = TOPIC.wallet;
  }
  return clientFrame(OPCODE.binary, frame);
}
