import { type PersonCommand, personCommand } from "../../protocol/person/commands.ts";
import { type PersonEvent, personEvent } from "../../protocol/person/events.ts";
import type { Actor } from "../actor/actor.ts";
import { decidePerson, mayKeep } from "./decide.ts";
import { evolvePerson } from "./evolve.ts";
import type { PersonState } from "./person.ts";

/** People, of whom the engine knows ciphertext only. */
export const personActor: Actor<PersonState, PersonCommand, PersonEvent> = {
  name: "Person",
  commands: personCommand,
  events: personEvent,
  upcasts: [],
  decide: decidePerson,
  conclude: () => {
    throw new Error("a person asks nothing of wallets");
  },
  evolve: evolvePerson,
  dueAtMs: () => Number.POSITIVE_INFINITY,
  dueCommand: { type: "ErasePerson", reason: "RETENTION_ENDED" },
  mayRead: ({ personId, issuerId }, sender) =>
    mayKeep(personId, sender) || (issuerId !== undefined && issuerId === sender.ownerId),
  notFound: "person_not_found",
  isRestOnly: true,
};
