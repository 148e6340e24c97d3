import { describe, expect, test } from "vitest";
import { Doorbell } from "../port/doorbell.ts";
import { ENTRY_HEADER_BYTES, REQUEST_KIND } from "../port/entries.ts";
import { createRing } from "../port/ring.ts";
import { type PeerMemory, Peers } from "./peers.ts";

function memory(): PeerMemory {
  return {
    rings: [0, 1].map(() => [0, 1].map(() => createRing(4_096))),
    doorbells: [0, 1].map(() => Doorbell.create()),
  };
}

/** The first bytes of the messages that a shard gets from another one. */
function taken(peers: Peers, fromShard: number): number[] {
  const ring = peers.incoming[fromShard];
  const first: number[] = [];
  for (let offset = ring.next(); offset >= 0; offset = ring.next()) {
    first.push(ring.bytes[offset + ENTRY_HEADER_BYTES]);
    ring.release(offset);
  }
  return first;
}

describe("messages between shards", () => {
  test("wait in order for room", () => {
    const shared = memory();
    const [a, b] = [new Peers(0, shared), new Peers(1, shared)];
    for (let number = 1; number <= 5; number += 1) {
      const payload = new Uint8Array(1_000).fill(number);
      a.send(1, { kind: REQUEST_KIND.PeerCredit, payload, cause: { shard: 0, sequence: number } });
    }
    a.flush();
    expect(taken(b, 0)).toEqual([1, 2, 3]);
    expect(a.hasBacklog).toBe(true);
    a.flush();
    expect(taken(b, 0)).toEqual([4, 5]);
    expect(a.hasBacklog).toBe(false);
  });
});
