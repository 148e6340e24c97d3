import type { ActorRow } from "../actor/actor-row.ts";
import type { ActorTable } from "../actor/actor-table.ts";
import { pack, unpack } from "../object/object-record.ts";
import { ownMemory, type TakeMemory } from "./chunk-memory.ts";
import { inOrderOfNames } from "./names-in-order.ts";
import type { SnapshotPart } from "./part.ts";

const CHUNK_ROWS = 64;
const HEADER_BYTES = 8;

/**
 * The actors of a shard, in order of rows.
 *
 * **Shape** of a chunk of up to 64 rows: `0 packedBytes u32 | 4 reserved 4 | 8 MessagePack` of the rows, members in order of
 * their names; padded with zeros to a multiple of 8.
 */
export class ActorPart implements SnapshotPart {
  readonly name = "actors";
  readonly #actors: ActorTable;

  constructor(actors: ActorTable) {
    this.#actors = actors;
  }

  begin(): void {
    this.#actors.guard();
  }

  next(memory: TakeMemory = ownMemory): Uint8Array | undefined {
    const rows = this.#actors.copy(CHUNK_ROWS);
    if (rows.length === 0) return undefined;
    const packed = pack(inOrderOfNames(rows));
    const bytes = memory(HEADER_BYTES + Math.ceil(packed.byteLength / 8) * 8);
    new Uint32Array(bytes.buffer, bytes.byteOffset, 1)[0] = packed.byteLength;
    bytes.set(packed, HEADER_BYTES);
    return bytes;
  }

  end(): void {
    this.#actors.release();
  }

  load(chunk: Uint8Array): void {
    const [packedBytes] = new Uint32Array(chunk.buffer, chunk.byteOffset, 1);
    for (const row of unpack(chunk, HEADER_BYTES, HEADER_BYTES + packedBytes) as ActorRow[]) this.#actors.put(row);
  }
}
