import type { AggregateStore } from "../object/aggregate.ts";
import { pack, unpack } from "../object/object-record.ts";
import type { ShardState } from "../shard/shard-state.ts";
import type { ReceiptState } from "../transfer/receipt.ts";
import { ownMemory, type TakeMemory } from "./chunk-memory.ts";
import { inOrderOfNames } from "./names-in-order.ts";
import type { SnapshotPart } from "./part.ts";

const CHUNK_ENTRIES = 1_024;
const HEADER_BYTES = 8;

type Entry = readonly [key: string, value: unknown];

interface Pending {
  readonly kind: string;
  readonly entries: Entry[];
}

interface ObjectList {
  readonly kind: string;
  readonly list: () => Entry[];
  readonly take: (entry: Entry) => void;
}

/**
 * Everything of a shard that is kept as objects: open transfers, receipts, API keys, stripes, and how far the transfers to
 * and from each other shard have come.
 *
 * States are never changed in place, so taking the references is taking the state.
 *
 * **Shape** of a chunk: `0 packedBytes u32 | 4 reserved 4 | 8 MessagePack` of `{ kind, entries: [key, value][] }`, keys in
 * order, members of objects in order of their names; padded with zeros to a multiple of 8.
 */
export class ObjectPart implements SnapshotPart {
  readonly name = "objects";
  readonly #lists: readonly ObjectList[];
  #pending: Pending[] = [];
  #isSorted = false;

  constructor(state: ShardState) {
    this.#lists = [
      store("transfers", state.transfers),
      store("apiKeys", state.apiKeys),
      store("stripes", state.stripes),
      {
        kind: "receipts",
        list: () => [...state.receipts.entries()],
        take: ([, value]) => state.adoptReceipt(value as ReceiptState),
      },
      {
        kind: "channels",
        list: () =>
          [...state.channels].map(([shard, { sent, completedThrough, completed }]) => [
            String(shard),
            { sent, completedThrough, completed: [...completed].sort((a, b) => a - b) },
          ]),
        take: ([key, value]) => {
          const { sent, completedThrough, completed } = value as ChannelEntry;
          state.channels.set(Number(key), { sent, completedThrough, completed: new Set(completed) });
        },
      },
      {
        kind: "servedThrough",
        list: () => [...state.servedThrough].map(([shard, through]) => [String(shard), through]),
        take: ([key, value]) => state.servedThrough.set(Number(key), value as number),
      },
    ];
  }

  begin(): void {
    this.#pending = this.#lists.map(({ kind, list }) => ({ kind, entries: list() }));
    this.#isSorted = false;
  }

  next(memory: TakeMemory = ownMemory): Uint8Array | undefined {
    const current = this.#pending[0];
    if (current === undefined) return undefined;
    if (!this.#isSorted) current.entries.sort(([a], [b]) => (a < b ? -1 : 1));
    const entries = current.entries.splice(0, CHUNK_ENTRIES);
    this.#isSorted = current.entries.length > 0;
    if (current.entries.length === 0) this.#pending.shift();
    if (entries.length === 0) return this.next(memory);
    const packed = pack({ kind: current.kind, entries: inOrderOfNames(entries) });
    const bytes = memory(HEADER_BYTES + Math.ceil(packed.byteLength / 8) * 8);
    new Uint32Array(bytes.buffer, bytes.byteOffset, 1)[0] = packed.byteLength;
    bytes.set(packed, HEADER_BYTES);
    return bytes;
  }

  end(): void {
    this.#pending = [];
  }

  load(chunk: Uint8Array): void {
    const [packedBytes] = new Uint32Array(chunk.buffer, chunk.byteOffset, 1);
    const { kind, entries } = unpack(chunk, HEADER_BYTES, HEADER_BYTES + packedBytes) as Pending;
    const list = this.#lists.find((one) => one.kind === kind);
    if (list === undefined)
      throw new Error(`the snapshot holds objects of kind ${kind}, which this program does not know`);
    for (const entry of entries) list.take(entry);
  }
}

interface ChannelEntry {
  readonly sent: number;
  readonly completedThrough: number;
  readonly completed: readonly number[];
}

function store<State, Command, Event>(kind: string, states: AggregateStore<State, Command, Event>): ObjectList {
  return {
    kind,
    list: () => [...states.entries()],
    take: ([key, value]) => states.adopt(key, value as State),
  };
}
