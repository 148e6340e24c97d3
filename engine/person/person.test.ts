import { describe, expect, test } from "vitest";
import type { PersonCommand } from "../../protocol/person/commands.ts";
import { type PersonEvent, personEvent } from "../../protocol/person/events.ts";
import type { ActorDecision, Sender } from "../actor/actor.ts";
import { personActor } from "./actor.ts";
import type { PersonState } from "./person.ts";

const NOW_MS = Date.parse("2026-03-01T10:00:00Z");
const ID = "018f3c6e-0000-7000-8000-0000000000b1";
const ISSUER_ID = "018f3c6e-0000-7000-8000-0000000000a1";
const ADMIN: Sender = { isAdmin: true, ownerId: "" };
const PERSON: Sender = { isAdmin: false, ownerId: ID };
const ISSUER: Sender = { isAdmin: false, ownerId: ISSUER_ID };
const STRANGER: Sender = { isAdmin: false, ownerId: "018f3c6e-0000-7000-8000-0000000000a2" };

const register = { type: "RegisterPerson", sealed: "c2VhbGVk" } as const;
const ofIssuer = { ...register, issuerId: ISSUER_ID.toUpperCase() } as const;
const update = { type: "UpdatePerson", sealed: "bmV3" } as const;
const erase = { type: "ErasePerson", reason: "REQUESTED" } as const;

const registered: PersonEvent = {
  type: "PersonRegistered",
  personId: ID,
  sealed: register.sealed,
  registeredAtMs: NOW_MS,
};
const issued: PersonEvent = { ...registered, issuerId: ISSUER_ID };
const updated: PersonEvent = { type: "PersonUpdated", sealed: update.sealed, updatedAtMs: NOW_MS };
const erased: PersonEvent = { type: "PersonErased", reason: "REQUESTED", erasedAtMs: NOW_MS };

function given(events: readonly PersonEvent[]): PersonState | undefined {
  return events.reduce<PersonState | undefined>(personActor.evolve, undefined);
}

function decide(events: readonly PersonEvent[], when: PersonCommand, sender: Sender): ActorDecision<PersonEvent> {
  return personActor.decide(given(events), when, { id: ID, sender, nowMs: NOW_MS });
}

interface Case {
  readonly name: string;
  readonly given: readonly PersonEvent[];
  readonly when: PersonCommand;
  readonly by: Sender;
}

describe("given what happened, when a command comes, then it happens:", () => {
  test.each<Case & { expected: PersonEvent }>([
    { name: "an admin registers anybody", given: [], when: register, by: ADMIN, expected: registered },
    { name: "an admin names an issuer", given: [], when: ofIssuer, by: ADMIN, expected: issued },
    { name: "a person registers himself", given: [], when: register, by: PERSON, expected: registered },
    { name: "an admin updates anybody", given: [issued], when: update, by: ADMIN, expected: updated },
    { name: "a person updates himself", given: [registered, updated], when: update, by: PERSON, expected: updated },
    { name: "an admin erases anybody", given: [registered, updated], when: erase, by: ADMIN, expected: erased },
  ])("$name", ({ given: events, when, by, expected }) => {
    expect(decide(events, when, by)).toEqual({ code: "ok", events: [expected] });
    expect(personEvent.parse(expected)).toEqual(expected);
    expect(personActor.commands.parse(when)).toEqual(when);
  });
});

describe("given what happened, when a command comes, then it is refused:", () => {
  test.each<Case & { code: string }>([
    { name: "nobody registers another", given: [], when: register, by: ISSUER, code: "forbidden" },
    { name: "a person names no issuer", given: [], when: ofIssuer, by: PERSON, code: "forbidden" },
    { name: "a person is registered once", given: [registered], when: register, by: ADMIN, code: "person_exists" },
    {
      name: "one who was erased stays so",
      given: [registered, erased],
      when: register,
      by: ADMIN,
      code: "person_erased",
    },
    { name: "nobody is updated who is not there", given: [], when: update, by: ADMIN, code: "person_not_found" },
    { name: "an issuer updates nobody", given: [issued], when: update, by: ISSUER, code: "forbidden" },
    { name: "a stranger updates nobody", given: [issued], when: update, by: STRANGER, code: "forbidden" },
    {
      name: "an erased person is not updated",
      given: [registered, erased],
      when: update,
      by: PERSON,
      code: "person_erased",
    },
    { name: "nobody is erased who is not there", given: [], when: erase, by: ADMIN, code: "person_not_found" },
    { name: "a person does not erase himself", given: [registered], when: erase, by: PERSON, code: "forbidden" },
    { name: "an issuer erases nobody", given: [issued], when: erase, by: ISSUER, code: "forbidden" },
    { name: "a person is erased once", given: [registered, erased], when: erase, by: ADMIN, code: "person_erased" },
  ])("$name: $code", ({ given: events, when, by, code }) => {
    expect(decide(events, when, by)).toEqual({ code });
  });
});

test("an erased person keeps nothing of what was sealed", () => {
  const state = given([issued, updated, erased]);
  expect(state).toEqual({
    personId: ID,
    issuerId: ISSUER_ID,
    status: "ERASED",
    reason: "REQUESTED",
    erasedAtMs: NOW_MS,
  });
});

test("admins, the person and the issuer read, and nobody else", () => {
  for (const events of [[issued], [issued, erased]]) {
    const state = given(events) as PersonState;
    const readers = [ADMIN, PERSON, ISSUER, STRANGER].map((sender) => personActor.mayRead(state, sender));
    expect(readers).toEqual([true, true, true, false]);
  }
  const alone = given([registered]) as PersonState;
  expect(personActor.mayRead(alone, ISSUER)).toBe(false);
  expect(personActor.mayRead(alone, { isAdmin: false, ownerId: "" })).toBe(false);
});

test("a person is due for nothing, and asks nothing of wallets", () => {
  expect(personActor.dueAtMs(given([registered]) as PersonState)).toBe(Number.POSITIVE_INFINITY);
  expect(() => personActor.conclude({} as never, {} as never)).toThrow("asks nothing of wallets");
});

test("an event that cannot happen is a broken journal", () => {
  expect(() => given([updated])).toThrow("not registered");
  expect(() => given([erased])).toThrow("not registered");
  expect(() => given([registered, registered])).toThrow("registered twice");
  expect(() => given([registered, erased, updated])).toThrow("ERASED");
  expect(() => given([registered, erased, erased])).toThrow("ERASED");
});
