import { timingSafeEqual } from "node:crypto";

/** Compares a signature as it came, in hexadecimal digits, with the right one, in a time that says nothing about either. */
export function isSignature(given: unknown, right: Uint8Array): boolean {
  if (typeof given !== "string" || !/^[0-9a-fA-F]+$/.test(given) || given.length !== right.byteLength * 2) return false;
  return timingSafeEqual(Buffer.from(given, "hex"), right);
}
