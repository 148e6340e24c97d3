import { hash } from "node:crypto";
import { formatUuid, uuidBytes } from "../../protocol/ids.ts";
import { MASTER_ID_BYTES, WRAPPED_BYTES } from "./master-key.ts";
import { KEY_ID_BYTES } from "./seal.ts";

/** A slot never crosses a sector, so a disk writes it whole or not at all. */
export const SLOT_BYTES = 128;
const MAGIC = Buffer.from("mzpkey01");
const PERSON_ID_BYTES = 16;
const OWNER_AT = MAGIC.length;
const OWNER_BYTES = PERSON_ID_BYTES + KEY_ID_BYTES;
const MASTER_ID_AT = OWNER_AT + OWNER_BYTES;
const WRAPPED_AT = MASTER_ID_AT + MASTER_ID_BYTES;
const CHECKSUM_BYTES = 16;
const CHECKSUM_AT = SLOT_BYTES - CHECKSUM_BYTES;

/** A wrapped key, as it stands in the key file and in its topic. It is kept as bytes, and the key is unwrapped when it is used. */
export class KeySlot {
  readonly bytes: Buffer;

  private constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /**
   * **Shape**: `"mzpkey01" | personId [16] | keyId [8] | masterId [8] | wrapped [60] | 0 [12] | checksum [16]`; the checksum is the
   * beginning of the SHA-256 of what stands before it.
   */
  static of(owner: Uint8Array, masterId: Uint8Array, wrapped: Uint8Array): KeySlot {
    const bytes = Buffer.alloc(SLOT_BYTES);
    MAGIC.copy(bytes);
    bytes.set(owner, OWNER_AT);
    bytes.set(masterId, MASTER_ID_AT);
    bytes.set(wrapped, WRAPPED_AT);
    bytes.write(checksumOf(bytes), CHECKSUM_AT, "latin1");
    return new KeySlot(bytes);
  }

  /** A copy of the slot in some bytes: `free` where there are zeros only, `damaged` where it is none. */
  static read(bytes: Buffer): KeySlot | "damaged" | "free" {
    const state = stateOf(bytes);
    return state === "sound" ? new KeySlot(Buffer.from(bytes)) : state;
  }

  /** The sound slot in some bytes, which must stay as they are. */
  static at(bytes: Buffer): KeySlot {
    return new KeySlot(bytes);
  }

  get personId(): string {
    return formatUuid(this.bytes.subarray(OWNER_AT, OWNER_AT + PERSON_ID_BYTES));
  }

  /** The same without hyphens. */
  get personName(): string {
    return this.bytes.toString("hex", OWNER_AT, OWNER_AT + PERSON_ID_BYTES);
  }

  /** In hexadecimal. */
  get keyId(): string {
    return this.bytes.toString("hex", OWNER_AT + PERSON_ID_BYTES, MASTER_ID_AT);
  }

  /** Ids of person and key, as they are wrapped with the key. */
  get owner(): Buffer {
    return this.bytes.subarray(OWNER_AT, MASTER_ID_AT);
  }

  get masterId(): Buffer {
    return this.bytes.subarray(MASTER_ID_AT, WRAPPED_AT);
  }

  get wrapped(): Buffer {
    return this.bytes.subarray(WRAPPED_AT, WRAPPED_AT + WRAPPED_BYTES);
  }
}

/** **Shape**: `personId [16] | keyId [8]`. */
export function ownerOf(personId: string, keyId: string): Buffer {
  return Buffer.concat([uuidBytes(personId), Buffer.from(keyId, "hex")]);
}

/** What some bytes are that should be a slot. */
export function stateOf(bytes: Buffer): "damaged" | "free" | "sound" {
  if (bytes.length !== SLOT_BYTES) return "damaged";
  if (bytes[0] === 0 && bytes.every((byte) => byte === 0)) return "free";
  const isSlot = bytes.compare(MAGIC, 0, MAGIC.length, 0, MAGIC.length) === 0;
  const isSound = isSlot && checksumOf(bytes) === bytes.toString("latin1", CHECKSUM_AT);
  return isSound ? "sound" : "damaged";
}

/** As text, a byte a character: a start takes one of each slot, and buffers would be collected for longer than they are made. */
function checksumOf(bytes: Buffer): string {
  return hash("sha256", bytes.subarray(0, CHECKSUM_AT), "binary").slice(0, CHECKSUM_BYTES);
}
