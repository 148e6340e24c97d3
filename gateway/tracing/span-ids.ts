import { randomBytes } from "node:crypto";

const POOL_BYTES = 4_096;

let pool = "";
let at = 0;

/** Random bytes as hexadecimal digits; some thousands are made at once, since each call costs more than its bytes. */
function randomHex(bytes: number): string {
  const digits = 2 * bytes;
  if (at + digits > pool.length) {
    pool = randomBytes(POOL_BYTES).toString("hex");
    at = 0;
  }
  at += digits;
  return pool.slice(at - digits, at);
}

export function newTraceId(): string {
  return randomHex(16);
}

export function newSpanId(): string {
  return randomHex(8);
}
