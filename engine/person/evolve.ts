import type { PersonEvent } from "../../protocol/person/events.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import type { PersonState, PersonStatus } from "./person.ts";

type Change = Exclude<PersonEvent["type"], "PersonRegistered">;

/** Status × event → status; null is an event that cannot happen then. The compiler asks for every pair. */
const TRANSITIONS: Readonly<Record<PersonStatus, Readonly<Record<Change, PersonStatus | null>>>> = {
  REGISTERED: { PersonUpdated: "REGISTERED", PersonErased: "ERASED" },
  ERASED: { PersonUpdated: null, PersonErased: null },
};

/** **Errors**: throws on an event that cannot happen in the person's status: the journal is broken. */
export function evolvePerson(state: PersonState | undefined, event: PersonEvent): PersonState {
  if (event.type === "PersonRegistered") {
    if (state !== undefined) throw new Error("a person was registered twice");
    const { type: _, ...facts } = event;
    return { ...facts, status: "REGISTERED" };
  }
  if (state?.status !== "REGISTERED" || TRANSITIONS[state.status][event.type] === null) {
    throw new Error(`${event.type} cannot happen to a person who is ${state?.status ?? "not registered"}`);
  }
  switch (event.type) {
    case "PersonUpdated":
      return { ...state, sealed: event.sealed, updatedAtMs: event.updatedAtMs };
    case "PersonErased": {
      const { personId, issuerId } = state;
      const { reason, erasedAtMs } = event;
      return { personId, ...(issuerId === undefined ? {} : { issuerId }), status: "ERASED", reason, erasedAtMs };
    }
    default:
      return unreachable(event);
  }
}
