import { describe, expect, test } from "vitest";
import { DELTA, DELTA_BYTES, DELTA_FLAG } from "../../protocol/result-record.ts";
import { Counters } from "../counters.ts";
import { FlushList } from "./flush-list.ts";
import { Outbox } from "./outbox.ts";
import type { Subscriber } from "./subscriber.ts";

const { state, reset, conflated } = DELTA_FLAG;

/** A reader whose socket the test fills and empties. */
class Reader implements Subscriber {
  readonly principal = { role: "admin", ownerId: new Uint32Array(4) } as const;
  readonly messages: { wallet: number; version: number; flags: number }[][] = [];
  buffered = 0;
  isClosed = false;

  bufferedBytes(): number {
    return this.buffered;
  }
  sendDeltas(deltas: Uint8Array, count: number): void {
    const view = new DataView(deltas.buffer, deltas.byteOffset, deltas.byteLength);
    expect(deltas.byteLength).toBe(count * DELTA_BYTES);
    this.messages.push(
      Array.from({ length: count }, (_, i) => ({
        wallet: view.getUint32(i * DELTA_BYTES, true),
        version: view.getUint32(i * DELTA_BYTES + DELTA.version, true),
        flags: view.getUint8(i * DELTA_BYTES + DELTA.flags),
      })),
    );
  }
  closeSlow(): void {
    this.isClosed = true;
  }
}

function setUp(pendingMax = 1_024) {
  const reader = new Reader();
  const limits = {
    socketBufferedSoftBytes: 1_000,
    socketBufferedMaxBytes: 2_000,
    streamPendingDeltasMax: pendingMax,
  };
  const outbox = new Outbox(reader, limits, new Counters(), new FlushList(0));
  const lanes = new Uint32Array(DELTA_BYTES >>> 2);
  const bytes = new Uint8Array(lanes.buffer);
  const push = (wallet: number, version: number, flags = 0): void => {
    lanes[0] = wallet;
    lanes[DELTA.version >>> 2] = version;
    bytes[DELTA.flags] = flags;
    outbox.push(lanes, 0, wallet);
  };
  return { reader, outbox, push, lanes };
}

describe("deltas for one reader", () => {
  test("share a message, all of them and in order, while it reads along", () => {
    const { reader, outbox, push } = setUp();
    push(1, 5, state);
    push(1, 6);
    push(2, 1);
    push(1, 7);
    outbox.flush();
    outbox.flush();
    expect(reader.messages).toEqual([
      [
        { wallet: 1, version: 5, flags: state },
        { wallet: 1, version: 6, flags: 0 },
        { wallet: 2, version: 1, flags: 0 },
        { wallet: 1, version: 7, flags: 0 },
      ],
    ]);
  });

  test("are folded into the latest of each wallet while it does not, and say so", () => {
    const { reader, outbox, push } = setUp();
    reader.buffered = 1_001;
    push(1, 5);
    push(1, 6);
    push(2, 1);
    outbox.flush();
    push(3, 9);
    push(1, 7);
    outbox.flush();
    expect(reader.messages).toEqual([]);
    reader.buffered = 1_000;
    outbox.flush();
    push(1, 8);
    push(1, 9);
    outbox.flush();
    expect(reader.messages).toEqual([
      [
        { wallet: 1, version: 7, flags: conflated },
        { wallet: 2, version: 1, flags: 0 },
        { wallet: 3, version: 9, flags: 0 },
      ],
      [
        { wallet: 1, version: 8, flags: 0 },
        { wallet: 1, version: 9, flags: 0 },
      ],
    ]);
  });

  test("that follow a state which was never sent become that state", () => {
    const { reader, outbox, push } = setUp();
    reader.buffered = 1_001;
    push(1, 5, state | reset);
    outbox.flush();
    push(1, 6);
    reader.buffered = 0;
    outbox.flush();
    expect(reader.messages).toEqual([[{ wallet: 1, version: 6, flags: state | reset }]]);
  });

  test("are held back until its subscriptions are confirmed", () => {
    const { reader, outbox, push } = setUp();
    outbox.asking = 1;
    push(1, 5, state);
    outbox.flush();
    expect(reader.messages).toEqual([]);
    outbox.asking = 0;
    outbox.flush();
    expect(reader.messages).toHaveLength(1);
  });

  test("are told once where several of its topics carry them", () => {
    const { reader, outbox, lanes } = setUp();
    outbox.pushOnce(lanes, 0, 1, 77);
    outbox.pushOnce(lanes, 0, 1, 77);
    outbox.pushOnce(lanes, 0, 1, 78);
    outbox.flush();
    expect(reader.messages[0]).toHaveLength(2);
  });

  test("are more than it can take: never where it reads along", () => {
    const { reader, outbox, push } = setUp(32);
    for (let version = 1; version <= 1_000; version += 1) push(version, 1);
    outbox.flush();
    expect(reader.isClosed).toBe(false);
    expect(reader.messages.flat()).toHaveLength(1_000);
  });

  test("are more than it can take: closed once too many wallets wait, or too many bytes", () => {
    const crowded = setUp(32);
    crowded.reader.buffered = 1_500;
    for (let version = 1; version <= 1_000; version += 1) crowded.push(version % 32, version);
    crowded.outbox.flush();
    expect(crowded.reader.isClosed).toBe(false);
    crowded.push(100, 1);
    expect(crowded.reader.isClosed).toBe(false);
    crowded.outbox.flush();
    expect(crowded.reader.isClosed).toBe(true);

    const clogged = setUp();
    clogged.reader.buffered = 2_001;
    clogged.push(1, 1);
    clogged.outbox.flush();
    expect(clogged.reader.isClosed).toBe(true);
  });
});
