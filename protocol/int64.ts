/** 64-bit integers on the wire as exact JavaScript numbers: two little-endian lanes, the upper one signed. */

const LANE = 4_294_967_296;

/** Reads a signed 64-bit integer; exact within ±(2^53−1), and beyond that range of a magnitude that checks refuse. */
export function readInt64(lanes: Uint32Array, at: number): number {
  return ((lanes[at + 1] as number) | 0) * LANE + (lanes[at] as number);
}

/** Reads an unsigned 64-bit integer; exact up to 2^53−1, and beyond that of a magnitude that checks refuse. */
export function readUint64(lanes: Uint32Array, at: number): number {
  return (lanes[at + 1] as number) * LANE + (lanes[at] as number);
}

/** Writes an exact integer, signed or not, as 64 bits. */
export function writeInt64(lanes: Uint32Array, at: number, value: number): void {
  const high = Math.floor(value / LANE);
  lanes[at] = value - high * LANE;
  lanes[at + 1] = high;
}
