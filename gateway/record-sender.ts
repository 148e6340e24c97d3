import { REQUEST_KIND } from "../engine/port/entries.ts";
import type { ShardPort } from "../engine/port/shard-port.ts";
import type { Code } from "../protocol/codes.ts";
import { RESULT, WALLET } from "../protocol/result-record.ts";
import type { Asker } from "./caller.ts";
import type { RecordBatch } from "./record-batch.ts";
import type { RequestTable } from "./request-table.ts";
import { REFUSED, Routing } from "./routing.ts";

/**
 * Writes a message of records into the queues of the shards that own them: as it is where one shard owns all of it,
 * else each shard's records in their order.
 */
export class RecordSender {
  readonly #ports: readonly ShardPort[];
  readonly #requests: RequestTable;
  readonly #routing: Routing;
  /** The queue's memory of each shard, and where in it the next record goes. */
  readonly #queueLanes: readonly Uint32Array[];
  readonly #writeAt: Uint32Array;
  readonly #orders: (Uint16Array | undefined)[];
  readonly #ordered: Uint32Array;

  constructor(ports: readonly ShardPort[], requests: RequestTable) {
    this.#ports = ports;
    this.#requests = requests;
    this.#routing = new Routing(ports.length);
    this.#queueLanes = ports.map((port) => new Uint32Array(port.requestBytes.buffer));
    this.#writeAt = new Uint32Array(ports.length);
    this.#orders = new Array(ports.length);
    this.#ordered = new Uint32Array(ports.length);
  }

  commands(principal: Asker, flags: number, records: Uint8Array, batch: RecordBatch): Code {
    const kind = REQUEST_KIND.Commands;
    if (this.#ports.length === 1) return this.#sendWhole(0, kind, principal, flags, records, batch);
    const bytes = aligned(records);
    const lanes = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >>> 2);
    this.#routing.route(bytes, lanes, batch.count);
    return this.#sendRouted(kind, principal, flags, lanes, batch);
  }

  lookups(principal: Asker, ids: Uint8Array, batch: RecordBatch): Code {
    const kind = REQUEST_KIND.LookupWallets;
    if (this.#ports.length === 1) return this.#sendWhole(0, kind, principal, 0, ids, batch);
    const bytes = aligned(ids);
    const lanes = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >>> 2);
    this.#routing.routeIds(lanes, batch.count);
    return this.#sendRouted(kind, principal, 0, lanes, batch);
  }

  #sendWhole(
    shard: number,
    kind: number,
    principal: Asker,
    flags: number,
    payload: Uint8Array,
    batch: RecordBatch,
  ): Code {
    const token = this.#requests.add(batch.whole(), principal.awaitsLog === true);
    if (this.#ports[shard]?.send(kind, token, batch.count, flags, principal, payload)) return "ok";
    this.#requests.remove(token);
    return "overloaded";
  }

  #sendRouted(kind: number, principal: Asker, flags: number, lanes: Uint32Array, batch: RecordBatch): Code {
    const routing = this.#routing;
    const first = routing.shards[0] as number;
    if (first !== REFUSED && routing.counts[first] === batch.count) {
      const bytes = new Uint8Array(lanes.buffer, lanes.byteOffset, lanes.byteLength);
      return this.#sendWhole(first, kind, principal, flags, bytes, batch);
    }
    let parts = 0;
    let full = false;
    for (const { shard } of this.#ports) {
      if (routing.counts[shard] === 0) continue;
      if (this.#beginPart(shard, kind, principal, flags, batch)) {
        parts += 1;
      } else {
        full = true;
        routing.refuseShard(shard, batch.count);
      }
    }
    if (parts === 0 && full) return "overloaded";
    if (routing.refused > 0) this.#answerRefused(kind, lanes, batch);
    this.#copyRecords(lanes, batch.count);
    // Nobody else will answer it, and answers never come before the call has returned.
    if (parts === 0) setImmediate(() => batch.finish());
    return "ok";
  }

  #beginPart(shard: number, kind: number, principal: Asker, flags: number, batch: RecordBatch): boolean {
    const count = this.#routing.counts[shard] as number;
    const order = new Uint16Array(count);
    const token = this.#requests.add(batch.part(order), principal.awaitsLog === true);
    const payloadBytes = this.#routing.totalsBytes[shard] as number;
    const payloadAt = (this.#ports[shard] as ShardPort).begin(kind, token, count, flags, principal, payloadBytes);
    if (payloadAt < 0) {
      this.#requests.remove(token);
      batch.dropPart();
      return false;
    }
    this.#writeAt[shard] = payloadAt >>> 2;
    this.#orders[shard] = order;
    this.#ordered[shard] = 0;
    return true;
  }

  #copyRecords(lanes: Uint32Array, count: number): void {
    const { shards, lengthsBytes } = this.#routing;
    let from = 0;
    for (let i = 0; i < count; i += 1) {
      const shard = shards[i] as number;
      const end = from + ((lengthsBytes[i] as number) >>> 2);
      if (shard === REFUSED) {
        from = end;
        continue;
      }
      const queue = this.#queueLanes[shard] as Uint32Array;
      let to = this.#writeAt[shard] as number;
      while (from < end) {
        queue[to] = lanes[from] as number;
        to += 1;
        from += 1;
      }
      this.#writeAt[shard] = to;
      (this.#orders[shard] as Uint16Array)[this.#ordered[shard] as number] = i;
      this.#ordered[shard] += 1;
    }
  }

  #answerRefused(kind: number, lanes: Uint32Array, batch: RecordBatch): void {
    const { shards, refusals, lengthsBytes } = this.#routing;
    const isLookup = kind === REQUEST_KIND.LookupWallets;
    const codeLane = (isLookup ? WALLET.code : RESULT.code) >>> 2;
    const strideLanes = batch.recordBytes >>> 2;
    let from = 0;
    for (let i = 0; i < batch.count; i += 1) {
      if (shards[i] === REFUSED) {
        const to = i * strideLanes;
        batch.lanes[to + codeLane] = refusals[i] as number;
        if (isLookup) batch.lanes.set(lanes.subarray(from, from + 4), to);
      }
      from += (lengthsBytes[i] as number) >>> 2;
    }
  }
}

/** The same bytes at an offset that can be read in lanes; what comes from a socket lies at multiples of 8 already. */
function aligned(bytes: Uint8Array): Uint8Array {
  return bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
}
