import { hash } from "node:crypto";
import type { ShardState } from "../engine/shard/shard-state.ts";
import { statePartsOf } from "../engine/snapshot/state-parts.ts";
import { type ChunkEntry, stateHash } from "../snapshots/snapshot-file.ts";

/** Parts that begin like this are no part of the state's hash. */
const NOT_STATE = "-";

/** The hash that a snapshot of this state would have. */
export function stateHashOf(state: ShardState): string {
  const chunks: ChunkEntry[] = [];
  for (const part of statePartsOf(state)) {
    if (part.name.startsWith(NOT_STATE)) continue;
    part.begin();
    let index = 0;
    for (let raw = part.next(); raw !== undefined; raw = part.next()) {
      const rawBytes = raw.byteLength;
      chunks.push({ part: part.name, index, offset: 0, storedBytes: 0, rawBytes, hash: hash("sha256", raw, "hex") });
      index += 1;
    }
    part.end();
  }
  return stateHash(chunks);
}
