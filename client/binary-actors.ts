/** Commands on actors and their results in frames of `mizan.binary.v1`. */

import { ACTOR_RECORD, ACTOR_RESULT, paddedTextBytes } from "../protocol/actor-record.ts";
import { codeName } from "../protocol/codes.ts";
import { writeUuid } from "../protocol/ids.ts";
import { RESULT_FLAG } from "../protocol/result-record.ts";
import { actorText, type NamedActorCommand } from "./actor-commands.ts";
import { MizanError } from "./errors.ts";
import { type Answer, NO_BALANCE } from "./results.ts";

/** A received message, read at offsets. */
interface Source {
  uint8(at: number): number;
  uint16(at: number): number;
  uint32(at: number): number;
  uint64(at: number): number;
  text(start: number, end: number): string;
}

/** The records of commands, back to back. */
export function actorRecords(commands: readonly NamedActorCommand[]): Uint8Array {
  const texts = commands.map(({ command }) => actorText(command));
  const bytes = new Uint8Array(texts.reduce((sum, { length }) => sum + ACTOR_RECORD.text + paddedTextBytes(length), 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [index, { commandId, actor, actorId }] of commands.entries()) {
    const text = texts[index] as Uint8Array;
    writeUuid(commandId, bytes, at + ACTOR_RECORD.id);
    writeUuid(actorId, bytes, at + ACTOR_RECORD.actorId);
    bytes.set(new TextEncoder().encode(actor), at + ACTOR_RECORD.actor);
    view.setUint32(at + ACTOR_RECORD.textBytes, text.length, true);
    bytes.set(text, at + ACTOR_RECORD.text);
    at += ACTOR_RECORD.text + paddedTextBytes(text.length);
  }
  return bytes;
}

/** The results from an offset on. **Errors**: MizanError `protocol_violation` where they are not whole. */
export function decodeActorAnswers(source: Source, body: number, end: number, count: number): Answer[] {
  let at = body;
  return Array.from({ length: count }, () => {
    const start = at;
    if (start + ACTOR_RESULT.state > end) throw broken();
    const stateBytes = source.uint32(start + ACTOR_RESULT.stateBytes);
    at = start + ACTOR_RESULT.state + paddedTextBytes(stateBytes);
    if (at > end) throw broken();
    return decodeAnswer(source, start, stateBytes);
  });
}

function decodeAnswer(source: Source, at: number, stateBytes: number): Answer {
  const sequence = source.uint64(at + ACTOR_RESULT.sequence);
  const answer: Answer = {
    code: codeName(source.uint16(at + ACTOR_RESULT.code)),
    position: sequence === 0 ? null : `${source.uint8(at + ACTOR_RESULT.shard)}:${sequence}`,
    replayed: (source.uint8(at + ACTOR_RESULT.flags) & RESULT_FLAG.replayed) !== 0,
    balance: NO_BALANCE,
    counterparty: undefined,
    limit: undefined,
  };
  if (stateBytes === 0) return answer;
  const start = at + ACTOR_RESULT.state;
  const state = JSON.parse(source.text(start, start + stateBytes)) as Readonly<Record<string, unknown>>;
  return { ...answer, actor: { version: source.uint64(at + ACTOR_RESULT.version), state } };
}

function broken(): MizanError {
  return new MizanError("protocol_violation", "the server sent a frame with fewer records than it counts");
}
