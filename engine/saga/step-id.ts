import { hash } from "node:crypto";
import { formatUuid } from "../../protocol/ids.ts";

/**
 * The command id of what a saga asks for: the same for the same text and time, so that it applies once however often it is
 * sent, and with its time inside, so that a shard which has forgotten it refuses it instead of applying it again.
 *
 * **Shape**: a UUIDv7 whose random bits are the beginning of a SHA-256.
 */
export function timedIdOf(timeMs: number, text: string): string {
  const bytes = hash("sha256", `mizan-saga\0${timeMs}\0${text}`, "buffer").subarray(0, 16);
  bytes.writeUIntBE(timeMs, 0, 6);
  bytes[6] = 0x70 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  return formatUuid(bytes);
}
