/** Commands on actors and their results in binary frames. */

/**
 * A command on an actor, followed by its JSON text in UTF-8, padded with zeros to a multiple of 8.
 *
 * **Shape** (64 bytes, little-endian):
 * ```
 *   0  id         16
 *  16  actorId    16
 *  32  actor      16  the type's name in ASCII, padded with zeros
 *  48  textBytes  u32
 *  52  reserved   12  zero
 * ```
 */
export const ACTOR_RECORD = { id: 0, actorId: 16, actor: 32, textBytes: 48, reserved: 52, text: 64 } as const;

/**
 * The result of one, followed by the actor's state as JSON in UTF-8 where it was asked for, padded with zeros to a multiple of 8.
 *
 * **Shape** (24 bytes, little-endian):
 * ```
 *   0  code        u16
 *   2  flags       u8   1 = replayed
 *   3  shard       u8   with sequence: the journal position
 *   4  stateBytes  u32
 *   8  sequence    u64  zero where nothing was journaled
 *  16  version     u64  of the actor; zero where the command was refused
 * ```
 */
export const ACTOR_RESULT = {
  code: 0,
  flags: 2,
  shard: 3,
  stateBytes: 4,
  sequence: 8,
  version: 16,
  state: 24,
} as const;

/** Room of a text in a frame. **Units**: bytes. */
export function paddedTextBytes(textBytes: number): number {
  return (textBytes + 7) & ~7;
}

/** Counts the records in a range of bytes, or -1 where they are not whole or have bytes that mean nothing yet. */
export function countActorRecords(bytes: Uint8Array, start: number, end: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let count = 0;
  let at = start;
  while (at < end) {
    if (end - at < ACTOR_RECORD.text) return -1;
    const textEnd = at + ACTOR_RECORD.text + view.getUint32(at + ACTOR_RECORD.textBytes, true);
    const next = at + ACTOR_RECORD.text + paddedTextBytes(textEnd - at - ACTOR_RECORD.text);
    if (next > end || !isZero(bytes, at + ACTOR_RECORD.reserved, at + ACTOR_RECORD.text)) return -1;
    if (!isZero(bytes, textEnd, next)) return -1;
    at = next;
    count += 1;
  }
  return count;
}

function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) if (bytes[at] !== 0) return false;
  return true;
}
