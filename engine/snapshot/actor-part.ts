import type { ActorRow } from "../actor/actor-row.ts";
import type { ActorTable } from "../actor/actor-table.ts";
import { actorOf, upcastState, versionOf } from "../actor/registry.ts";
import { pack, unpack } from "../object/object-record.ts";
import { ownMemory, type TakeMemory } from "./chunk-memory.ts";
import { inOrderOfNames } from "./names-in-order.ts";
import type { SnapshotPart } from "./part.ts";

const CHUNK_ROWS = 64;
const HEADER_BYTES = 8;

/**
 * The actors of a shard, in order of rows. Those that an older program wrote are brought to the newest version of their type.
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
    const packed = pack(inOrderOfNames(rows.map(written)));
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
    for (const row of unpack(chunk, HEADER_BYTES, HEADER_BYTES + packedBytes) as WrittenRow[]) {
      this.#actors.put(read(row));
    }
  }
}

/** A row as it is stored, with the version of its state where that is not the first one. */
interface WrittenRow extends ActorRow {
  readonly written?: number;
}

function written(row: ActorRow): WrittenRow {
  const actor = actorOf(row.type);
  const version = actor === undefined ? 1 : versionOf(actor);
  return version === 1 ? row : { ...row, written: version };
}

function read({ written: version = 1, ...row }: WrittenRow): ActorRow {
  const actor = actorOf(row.type);
  return actor === undefined ? row : { ...row, state: upcastState(actor, row.state, version) };
}
