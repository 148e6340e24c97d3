import type { PersonCommand } from "../../protocol/person/commands.ts";
import type { PersonEvent } from "../../protocol/person/events.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import type { ActorContext, ActorDecision, Sender } from "../actor/actor.ts";
import type { PersonState } from "./person.ts";

type Decision = ActorDecision<PersonEvent>;

/** Decides a command. The checks run in this order: the person exists, the sender may, the person is not erased. */
export function decidePerson(state: PersonState | undefined, command: PersonCommand, context: ActorContext): Decision {
  const { id, sender, nowMs } = context;
  if (command.type === "RegisterPerson") {
    const { issuerId } = command;
    if (!mayKeep(id, sender) || (issuerId !== undefined && !sender.isAdmin)) return { code: "forbidden" };
    if (state !== undefined) return { code: state.status === "ERASED" ? "person_erased" : "person_exists" };
    return happened({
      type: "PersonRegistered",
      personId: id,
      ...(issuerId === undefined ? {} : { issuerId: issuerId.toLowerCase() }),
      sealed: command.sealed,
      registeredAtMs: nowMs,
    });
  }
  if (state === undefined) return { code: "person_not_found" };
  switch (command.type) {
    case "UpdatePerson":
      if (!mayKeep(id, sender)) return { code: "forbidden" };
      if (state.status === "ERASED") return { code: "person_erased" };
      return happened({ type: "PersonUpdated", sealed: command.sealed, updatedAtMs: nowMs });
    case "ErasePerson":
      if (!sender.isAdmin) return { code: "forbidden" };
      if (state.status === "ERASED") return { code: "person_erased" };
      return happened({ type: "PersonErased", reason: command.reason, erasedAtMs: nowMs });
    default:
      return unreachable(command);
  }
}

/** Whether somebody may register and update a person, and sees all that is known of it. */
export function mayKeep(personId: string, sender: Sender): boolean {
  return sender.isAdmin || sender.ownerId === personId;
}

function happened(event: PersonEvent): Decision {
  return { code: "ok", events: [event] };
}
