import type { z } from "zod";
import { actorOf, upcast } from "../../engine/actor/registry.ts";
import type { ObjectRecord } from "../../engine/object/object-record.ts";
import { fromRecord } from "../../protocol/events/actor-events.ts";
import { ACTOR_EVENTS, type EventType } from "../../protocol/events/event-types.ts";
import type { EventBatch } from "./event-batch.ts";

/** A field of the data: where it stands in the journaled event, and whether empty text stands for none. */
interface ToldField {
  readonly name: string;
  readonly from: string;
  readonly isTime: boolean;
  readonly isNoneIfEmpty: boolean;
}

interface ToldEvent {
  readonly type: EventType;
  readonly fields: readonly ToldField[];
}

/** Of each actor's name, by the type of the journaled event. */
const TOLD: ReadonlyMap<string, ReadonlyMap<string, ToldEvent>> = new Map(
  [...ACTOR_EVENTS].map(([actor, { key, types }]) => [
    actor,
    new Map(
      Object.entries(types).map(([type, { of, data }]) => [
        of,
        { type: type as EventType, fields: fieldsOf(data, key) },
      ]),
    ),
  ]),
);

/**
 * Tells what has happened to an actor; false where the record is of none. The steps of its sagas are told as what they do to
 * wallets, and an actor whose type has no topic is not told.
 */
export function tellActor({ aggregate, id, command, events, version }: ObjectRecord, batch: EventBatch): boolean {
  const actor = actorOf(aggregate);
  if (actor === undefined) return false;
  const told = TOLD.get(aggregate);
  const key = ACTOR_EVENTS.get(aggregate)?.key;
  if (told === undefined || key === undefined) return true;
  for (const event of upcast(actor, events, version ?? 1) as readonly Readonly<Record<string, unknown>>[]) {
    const as = told.get(event.type as string);
    if (as === undefined) continue;
    const from = { [key]: id, position: batch.position, commandId: command?.id };
    batch.add(as.type, id, JSON.stringify({ ...from, ...dataOf(event, as.fields) }));
  }
  return true;
}

function dataOf(event: Readonly<Record<string, unknown>>, fields: readonly ToldField[]): object {
  const data: Record<string, unknown> = {};
  for (const { name, from, isTime, isNoneIfEmpty } of fields) {
    const value = event[from];
    if (value === undefined || (value === "" && isNoneIfEmpty)) continue;
    data[name] = isTime ? new Date(value as number).toISOString() : value;
  }
  return data;
}

/** The fields that come from the event; the actor's id and those that every event has come from its record. */
function fieldsOf({ shape }: z.ZodObject, key: string): readonly ToldField[] {
  const own = Object.entries(shape).filter(([name]) => name !== key && !(name in fromRecord));
  return own.map(([name, schema]) => {
    const isTime = name.endsWith("At");
    const isNoneIfEmpty = !(schema as z.ZodType).safeParse("").success;
    return { name, from: isTime ? `${name}Ms` : name, isTime, isNoneIfEmpty };
  });
}
