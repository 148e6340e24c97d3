/** Commands on actors in binary frames, and the frames of their results. */

import { ACTOR_RECORD, ACTOR_RESULT, paddedTextBytes } from "../protocol/actor-record.ts";
import { CODES, type Refusal } from "../protocol/codes.ts";
import { formatUuid } from "../protocol/ids.ts";
import { writeInt64 } from "../protocol/int64.ts";
import { ACTOR_NAME_BYTES_MAX, ACTOR_TEXT_BYTES_MAX } from "../protocol/limits.ts";
import { RESULT_FLAG } from "../protocol/result-record.ts";
import { type ActorCommand, type ActorOutcome, checkActorCommand } from "./actor-commands.ts";

const UTF_8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const TEXT = new TextEncoder();
const NOTHING = new Uint8Array(0);

/** Reads the records of a frame, which are whole; in place of a command that cannot be executed is the reason. */
export function readActorCommands(payload: Uint8Array, count: number): (ActorCommand | Refusal)[] {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const commands: (ActorCommand | Refusal)[] = [];
  for (let at = 0; commands.length < count; ) {
    const textBytes = view.getUint32(at + ACTOR_RECORD.textBytes, true);
    commands.push(readCommand(payload, at, textBytes));
    at += ACTOR_RECORD.text + paddedTextBytes(textBytes);
  }
  return commands;
}

function readCommand(payload: Uint8Array, at: number, textBytes: number): ActorCommand | Refusal {
  if (textBytes > ACTOR_TEXT_BYTES_MAX) return "message_too_large";
  const start = at + ACTOR_RECORD.text;
  let value: unknown;
  try {
    value = JSON.parse(UTF_8.decode(payload.subarray(start, start + textBytes)));
  } catch {
    return "malformed_json";
  }
  const aggregate = readName(payload, at + ACTOR_RECORD.actor);
  const checked = checkActorCommand(aggregate, value);
  if (!checked.ok) return checked.fault.code;
  return {
    aggregate,
    id: formatUuid(payload, at + ACTOR_RECORD.actorId),
    commandId: formatUuid(payload, at + ACTOR_RECORD.id),
    command: checked.value,
  };
}

function readName(payload: Uint8Array, start: number): string {
  let name = "";
  for (let at = start; at < start + ACTOR_NAME_BYTES_MAX && payload[at] !== 0; at += 1) {
    name += String.fromCharCode(payload[at]);
  }
  return name;
}

/** The payload of a frame of results. */
export function writeActorResults(outcomes: readonly ActorOutcome[]): Uint8Array {
  const states = outcomes.map(({ state }) => (state === null ? NOTHING : TEXT.encode(JSON.stringify(state))));
  const length = states.reduce((sum, { byteLength }) => sum + ACTOR_RESULT.state + paddedTextBytes(byteLength), 0);
  const bytes = new Uint8Array(length);
  const lanes = new Uint32Array(bytes.buffer);
  let at = 0;
  for (const [index, { code, replayed, shard, sequence, version }] of outcomes.entries()) {
    const flags = replayed ? RESULT_FLAG.replayed : 0;
    lanes[at >>> 2] = CODES[code].number | (flags << 16) | (shard << 24);
    lanes[(at + ACTOR_RESULT.stateBytes) >>> 2] = states[index].byteLength;
    writeInt64(lanes, (at + ACTOR_RESULT.sequence) >>> 2, sequence);
    writeInt64(lanes, (at + ACTOR_RESULT.version) >>> 2, version);
    bytes.set(states[index], at + ACTOR_RESULT.state);
    at += ACTOR_RESULT.state + paddedTextBytes(states[index].byteLength);
  }
  return bytes;
}
