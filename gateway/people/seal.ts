import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from "node:crypto";
import { uuidBytes } from "../../protocol/ids.ts";
import { PERSONAL_DATA_VERSION, PERSONAL_FIELDS, type PersonalData } from "../../protocol/person/personal-data.ts";

const CIPHER = "aes-256-gcm";
const FORMAT = 1;
export const KEY_BYTES = 32;
export const KEY_ID_BYTES = 8;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const PERSON_ID_BYTES = 16;
const HEADER_BYTES = 1 + 1 + KEY_ID_BYTES;
/** The text is filled up to a multiple of this, so that the ciphertext's length tells little of it. */
const PADDED_BYTES = 128;
const NO_SALT = new Uint8Array(0);

/** The key of a person, and its name. */
export interface PersonKey {
  /** In hexadecimal. */
  readonly keyId: string;
  readonly key: Uint8Array;
}

/** Bytes that were not sealed with the key, for the person and in the form that they say. */
export class SealBrokenError extends Error {
  constructor() {
    // Nothing of the bytes, since this may be logged.
    super("sealed personal data do not open with the key of their person");
  }
}

/**
 * Seals what is known of a person. The same data under the same key give the same text, so that a command sent again is the same.
 *
 * **Shape** of the text, in base64url: `format u8 = 1 | fields version u8 | keyId [8] | nonce [12] | ciphertext | tag [16]`. The header
 * up to the nonce and the person's id are authenticated.
 * **Source**: AES-GCM of NIST SP 800-38D; the nonce is synthetic, a PRF of header and text under a key of its own, as in RFC 5297 and
 * RFC 8452: a nonce comes twice only with the same text, where it does no harm.
 */
export function seal({ keyId, key }: PersonKey, personId: string, data: PersonalData): string {
  const header = Buffer.alloc(HEADER_BYTES);
  header[0] = FORMAT;
  header[1] = PERSONAL_DATA_VERSION;
  header.write(keyId, 2, "hex");
  const authenticated = authenticatedBytes(header, personId);
  const text = paddedText(data);
  const { sealing, naming } = derivedKeys(key);
  const nonce = createHmac("sha256", naming).update(authenticated).update(text).digest().subarray(0, NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, sealing, nonce).setAAD(authenticated);
  const sealed = Buffer.concat([header, nonce, cipher.update(text), cipher.final(), cipher.getAuthTag()]);
  return sealed.toString("base64url");
}

/** Opens what was sealed for a person. **Errors**: throws a `SealBrokenError`. */
export function open({ keyId, key }: PersonKey, personId: string, sealed: string): PersonalData {
  const bytes = Buffer.from(sealed, "base64url");
  const header = bytes.subarray(0, HEADER_BYTES);
  const isReadable = bytes.length >= HEADER_BYTES + NONCE_BYTES + TAG_BYTES && header[0] === FORMAT;
  if (!isReadable || keyIdOf(sealed) !== keyId) throw new SealBrokenError();
  const nonce = bytes.subarray(HEADER_BYTES, HEADER_BYTES + NONCE_BYTES);
  try {
    const decipher = createDecipheriv(CIPHER, derivedKeys(key).sealing, nonce)
      .setAAD(authenticatedBytes(header, personId))
      .setAuthTag(bytes.subarray(-TAG_BYTES));
    const text = Buffer.concat([
      decipher.update(bytes.subarray(HEADER_BYTES + NONCE_BYTES, -TAG_BYTES)),
      decipher.final(),
    ]);
    return JSON.parse(text.toString());
  } catch {
    throw new SealBrokenError();
  }
}

/** The id of the key with which a text was sealed, in hexadecimal. */
export function keyIdOf(sealed: string): string {
  return Buffer.from(sealed, "base64url").toString("hex", 2, HEADER_BYTES);
}

function authenticatedBytes(header: Buffer, personId: string): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + PERSON_ID_BYTES);
  header.copy(bytes);
  bytes.set(uuidBytes(personId), HEADER_BYTES);
  return bytes;
}

/** JSON in a fixed order of fields, behind which spaces change nothing. */
function paddedText(data: PersonalData): Buffer {
  const text = Buffer.from(JSON.stringify(data, [...PERSONAL_FIELDS]));
  const padded = Buffer.alloc(Math.ceil(text.length / PADDED_BYTES) * PADDED_BYTES, " ");
  text.copy(padded);
  return padded;
}

function derivedKeys(key: Uint8Array): { readonly sealing: Uint8Array; readonly naming: Uint8Array } {
  const bytes = new Uint8Array(hkdfSync("sha256", key, NO_SALT, "mizan person 1", 2 * KEY_BYTES));
  return { sealing: bytes.subarray(0, KEY_BYTES), naming: bytes.subarray(KEY_BYTES) };
}
