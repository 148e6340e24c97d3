import type { Logger } from "pino";
import { type Code, codeName } from "../protocol/codes.ts";
import { RECORD, recordBytesAt } from "../protocol/command-record.ts";
import { formatUuid } from "../protocol/ids.ts";
import { readUint64 } from "../protocol/int64.ts";
import { RESULT } from "../protocol/result-record.ts";
import type { Caller } from "./caller.ts";
import { LimitedLines } from "./limited-lines.ts";
import type { RecordBatch } from "./record-batch.ts";

/** What a connection's peer did wrong, as far as it can be told. */
interface WrongRequest {
  readonly requestId?: number;
  readonly code: Code;
  readonly message: string;
}

/** What was refused, and to whom: commands and requests at the level debug, what breaks the protocol at info. */
export class RefusalLog {
  readonly #log: Logger;
  readonly #rejected: LimitedLines;
  readonly #refused: LimitedLines;
  readonly #broken: LimitedLines;

  constructor(log: Logger) {
    this.#log = log;
    this.#rejected = new LimitedLines((fields) => log.debug(fields, "command rejected"));
    this.#refused = new LimitedLines((fields) => log.debug(fields, "request refused"));
    this.#broken = new LimitedLines((fields) => log.info(fields, "protocol error"));
  }

  /** Whether rejected commands are told now; the level may change at any time. */
  get areRejectionsTold(): boolean {
    return this.#log.isLevelEnabled("debug");
  }

  /** Tells of the commands of a batch that are rejected, before whoever asked is answered; the records are read at once. */
  tell(batch: RecordBatch, records: Uint8Array): void {
    const ids = idsOf(records);
    const facts = batch.about();
    const { done, recordBytes } = batch;
    batch.done = (results, count) => {
      const lanes = new Uint32Array(results.buffer, results.byteOffset, results.byteLength >>> 2);
      for (let index = 0; index < count; index += 1) {
        const at = (index * recordBytes) >>> 2;
        const head = lanes[at + (RESULT.code >>> 2)];
        if ((head & 0xffff) === 0) continue;
        const sequence = readUint64(lanes, at + (RESULT.sequence >>> 2));
        const position = sequence === 0 ? {} : { position: `${head >>> 24}:${sequence}` };
        this.#rejected.add({ ...facts, commandId: ids[index], code: codeName(head & 0xffff), ...position });
      }
      done(results, count);
    };
  }

  /** A request over a socket was refused as a whole. */
  refused({ connectionId, keyId }: Caller, wrong: WrongRequest): void {
    if (this.#log.isLevelEnabled("debug")) this.#refused.add({ connectionId, keyId, ...wrong });
  }

  /** A socket brought what the protocol does not know. */
  broken({ connectionId, keyId }: Caller, wrong: WrongRequest): void {
    this.#broken.add({ connectionId, keyId, ...wrong });
  }
}

/** The command ids of records that are whole. */
function idsOf(records: Uint8Array): string[] {
  const ids: string[] = [];
  for (let at = 0; at < records.byteLength; at += recordBytesAt(records, at, records.byteLength)) {
    ids.push(formatUuid(records, at + RECORD.id));
  }
  return ids;
}
