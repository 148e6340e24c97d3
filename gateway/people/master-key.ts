import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { KEY_BYTES } from "./seal.ts";

const CIPHER = "aes-256-gcm";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
export const MASTER_ID_BYTES = 8;
export const WRAPPED_BYTES = NONCE_BYTES + KEY_BYTES + TAG_BYTES;
const NO_SALT = new Uint8Array(0);

/** The key that wraps those of persons. It is in the settings, and nowhere else. */
export class MasterKey {
  /** Tells keys that it wrapped from those that another one did; nothing of the key follows from it. */
  readonly id: Buffer;
  readonly #key: Buffer;

  /** **Shape**: 32 bytes in base64. */
  constructor(text: string) {
    const secret = Buffer.from(text, "base64");
    this.#key = derived(secret, "mizan master wrap 1", KEY_BYTES);
    this.id = derived(secret, "mizan master id 1", MASTER_ID_BYTES);
  }

  /** Wraps a key; whose it is must be said again to unwrap it. **Shape**: `nonce [12] | ciphertext [32] | tag [16]`. */
  wrap(key: Uint8Array, owner: Uint8Array): Buffer {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.#key, nonce).setAAD(owner);
    return Buffer.concat([nonce, cipher.update(key), cipher.final(), cipher.getAuthTag()]);
  }

  /** **Errors**: undefined where it was not wrapped by this key, or for another owner. */
  unwrap(wrapped: Uint8Array, owner: Uint8Array): Buffer | undefined {
    const decipher = createDecipheriv(CIPHER, this.#key, wrapped.subarray(0, NONCE_BYTES))
      .setAAD(owner)
      .setAuthTag(wrapped.subarray(-TAG_BYTES));
    try {
      return Buffer.concat([decipher.update(wrapped.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
    } catch {
      return undefined;
    }
  }
}

function derived(secret: Buffer, purpose: string, bytes: number): Buffer {
  return Buffer.from(hkdfSync("sha256", secret, NO_SALT, purpose, bytes));
}
