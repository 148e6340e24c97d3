import { pack, unpack } from "msgpackr";
import { ENTRY_HEADER_BYTES, REPLY, REQUEST_KIND } from "../engine/port/entries.ts";
import type { RingReader } from "../engine/port/ring.ts";
import type { ActorLookup, ObjectCommand, ObjectOutcome } from "../engine/views.ts";
import { type Code, codeName, type Refusal } from "../protocol/codes.ts";
import { formatUuid, shardOfUuid } from "../protocol/ids.ts";
import type { Asker, Caller } from "./caller.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { SingleAnswer } from "./single-answer.ts";

/** A caller as actors know him. */
export function senderOf({ role, ownerId }: Asker): NonNullable<ObjectCommand["by"]> {
  const isAdmin = role === "admin";
  return { isAdmin, ownerId: isAdmin ? "" : formatUuid(new Uint8Array(ownerId.buffer, ownerId.byteOffset, 16)) };
}

/** Sends a command to an actor; `done` gets its outcome when wallets have done their part, or why there is none. */
export function sendToActor(
  dispatcher: Dispatcher,
  caller: Caller,
  command: Omit<ObjectCommand, "by">,
  done: (outcome: ObjectOutcome | Refusal) => void,
): Code {
  const payload = pack({ ...command, by: senderOf(caller) });
  return askShard(dispatcher, caller, command.id, REQUEST_KIND.ActorCommand, payload, (code, value) =>
    done((value as ObjectOutcome | null) ?? (code === "ok" ? "internal_error" : code)),
  );
}

/** The state of an actor that the caller may see. */
export function lookupActor(
  dispatcher: Dispatcher,
  caller: Caller,
  actor: Omit<ActorLookup, "by">,
  done: (state: Readonly<Record<string, unknown>> | Refusal) => void,
): Code {
  const payload = pack({ ...actor, by: senderOf(caller) });
  return askShard(dispatcher, caller, actor.id, REQUEST_KIND.LookupActor, payload, (code, value) =>
    done(code === "ok" ? (value as Readonly<Record<string, unknown>>) : code),
  );
}

type TakeAnswer = (code: Code, value: unknown) => void;

function askShard(
  dispatcher: Dispatcher,
  caller: Caller,
  id: string,
  kind: number,
  payload: Uint8Array,
  take: TakeAnswer,
): Code {
  return dispatcher.ask(shardOfUuid(id, dispatcher.shardCount), kind, caller, 1, payload, answerTo(take));
}

/** Asks every shard, and hands on what all of them say, or why one does not. */
export function askAll(
  dispatcher: Dispatcher,
  caller: Caller,
  kind: number,
  payloadOf: (shard: number) => Uint8Array,
  done: (values: readonly unknown[] | Refusal) => void,
): Code {
  return askShards(dispatcher, caller, kind, payloadOf, (answers) => {
    const failed = answers.find(({ code }) => code !== "ok")?.code;
    if (failed !== undefined && failed !== "ok") done(failed);
    else done(answers.map(({ value }) => value));
  });
}

/** Asks every shard, and hands on what each of them says. */
export function askShards(
  dispatcher: Dispatcher,
  caller: Caller,
  kind: number,
  payloadOf: (shard: number) => Uint8Array,
  done: (answers: readonly { readonly code: Code; readonly value: unknown }[]) => void,
): Code {
  const answers: { readonly code: Code; readonly value: unknown }[] = [];
  let left = dispatcher.shardCount;
  let isRefused = false;
  for (let shard = 0; shard < dispatcher.shardCount; shard += 1) {
    const take: TakeAnswer = (code, value) => {
      answers[shard] = { code, value };
      left -= 1;
      if (left === 0 && !isRefused) done(answers);
    };
    const code = dispatcher.ask(shard, kind, caller, 1, payloadOf(shard), answerTo(take));
    if (code !== "ok") {
      // What other shards answer to this is dropped.
      isRefused = true;
      return code;
    }
  }
  return "ok";
}

/** Waits for the MessagePack answer of one shard. */
export function answerTo(take: TakeAnswer): SingleAnswer {
  return new SingleAnswer(
    (replies, offset) => take(codeName(replies.lanes[(offset >>> 2) + REPLY.code] as number), valueIn(replies, offset)),
    () => take("replication_pending", null),
  );
}

/** The MessagePack of an answer; copied first, since the ring's memory is shared and soon written again. */
function valueIn(replies: RingReader, offset: number): unknown {
  const payloadAt = offset + ENTRY_HEADER_BYTES;
  const payloadBytes = replies.lanes[(offset >>> 2) + REPLY.payloadBytes] as number;
  return unpack(replies.bytes.slice(payloadAt, payloadAt + payloadBytes));
}
