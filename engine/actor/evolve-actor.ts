import type { ObjectRecord } from "../object/object-record.ts";
import { askOf, evolveSaga, type SagaEvent } from "../saga/saga.ts";
import type { ActorRow, OpenSaga } from "./actor-row.ts";
import { type AnyActor, upcast } from "./registry.ts";

/** Who the ledger is, where it sends a command by itself. */
export const LEDGER_SENDER = { isAdmin: true, ownerId: "" } as const;

/** An actor after a record, live and from the journal alike; undefined while nothing has happened to it. */
export function evolveActor(
  actor: AnyActor,
  row: ActorRow | undefined,
  record: ObjectRecord,
  sequence: number,
): ActorRow | undefined {
  let after = row;
  for (const event of upcast(actor, record.events, record.version ?? 1)) {
    if (isSagaEvent(event)) {
      if (after === undefined) throw new Error(`${actor.name} ${record.id} has a saga and no state`);
      after = evolveOpen(actor, after, record, event, sequence);
      continue;
    }
    const state = actor.evolve(after?.state, event as { readonly type: string });
    const version = (after?.version ?? 0) + 1;
    after = { ...(after ?? { type: actor.name, id: record.id }), version, state };
  }
  return after;
}

/** Events of sagas are the engine's own; no actor has events with such names. */
export function isSagaEvent(event: unknown): event is SagaEvent {
  return (event as { readonly type: string }).type.startsWith("Saga");
}

function evolveOpen(
  actor: AnyActor,
  row: ActorRow,
  { command }: ObjectRecord,
  event: SagaEvent,
  head: number,
): ActorRow {
  const { open, ...rest } = row;
  const version = row.version + 1;
  const saga = evolveSaga(open?.saga, event);
  if (saga === undefined) return { ...rest, version };
  if (open !== undefined) return { ...rest, version, open: { ...open, saga, head, askIds: askIdsAfter(open, event) } };
  const begun: OpenSaga = {
    saga,
    command: command === undefined ? actor.dueCommand : (command.body as OpenSaga["command"]),
    sender: command?.by ?? LEDGER_SENDER,
    isOwn: command === undefined,
    head,
    askIds: [],
  };
  return { ...rest, version, open: begun };
}

/** With a step that is done, the id of what was asked for. */
function askIdsAfter({ saga, askIds }: OpenSaga, event: SagaEvent): readonly string[] {
  if (event.type !== "SagaStepDone" || saga.status === "REFUNDING") return askIds;
  return [...askIds, askOf(saga)?.id ?? ""];
}
