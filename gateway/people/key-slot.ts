import { createHash } from "node:crypto";
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
    checksumOf(bytes).copy(bytes, CHECKSUM_AT);
    return new KeySlot(bytes);
  }

  /** The slot in some bytes: `free` where there are zeros only, `damaged` where it is none. */
  static read(bytes: Buffer): KeySlot | "damaged" | "free" {
    if (bytes.length === SLOT_BYTES && bytes.every((byte) => byte === 0)) return "free";
    const isSound =
      bytes.length === SLOT_BYTES &&
      bytes.subarray(0, MAGIC.length).equals(MAGIC) &&
      checksumOf(bytes).equals(bytes.subarray(CHECKSUM_AT));
    return isSound ? new KeySlot(Buffer.from(bytes)) : "damaged";
  }

  get personId(): string {
    return formatUuid(this.bytes.subarray(OWNER_AT, OWNER_AT + PERSON_ID_BYTES));
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

function checksumOf(bytes: Buffer): Buffer {
  return createHash("sha256").update(bytes.subarray(0, CHECKSUM_AT)).digest().subarray(0, CHECKSUM_BYTES);
}
