import { expect, test } from "vitest";
import type { StrayCommand, StrayEvent } from "../../protocol/stray/commands.ts";
import type { ActorDecision } from "../actor/actor.ts";
import { type StrayState, strayActor } from "./actor.ts";

const facts = { provider: "fawry", orderId: "o1", transactionId: "t1", amountMinor: 5, currency: "EGP" } as const;
const record = { type: "RecordStray", ...facts } as const;
const close = { type: "CloseStray", reason: "paid back" } as const;
const recorded: StrayEvent = { type: "StrayRecorded", ...facts, atMs: 7 };
const closed: StrayEvent = { type: "StrayClosed", reason: "paid back", atMs: 7 };

function given(events: readonly StrayEvent[]): StrayState | undefined {
  return events.reduce<StrayState | undefined>(strayActor.evolve, undefined);
}

test.each<{
  name: string;
  given: StrayEvent[];
  when: StrayCommand;
  isAdmin?: false;
  expected: ActorDecision<StrayEvent>;
}>([
  { name: "it is recorded", given: [], when: record, expected: { code: "ok", events: [recorded] } },
  { name: "it is recorded once", given: [recorded], when: record, expected: { code: "ok", events: [] } },
  { name: "an operator closes it", given: [recorded], when: close, expected: { code: "ok", events: [closed] } },
  { name: "it is closed once", given: [recorded, closed], when: close, expected: { code: "ok", events: [] } },
  { name: "one that there is not is not closed", given: [], when: close, expected: { code: "stray_not_found" } },
  { name: "a person records none", given: [], when: record, isAdmin: false, expected: { code: "forbidden" } },
])("given what happened, when a command comes, then $name", ({ given: events, when, isAdmin = true, expected }) => {
  const sender = { isAdmin, ownerId: "" };
  expect(strayActor.decide(given(events), when, { id: "", sender, nowMs: 7 })).toEqual(expected);
});

test("an event that cannot happen is a broken journal", () => {
  expect(() => given([closed])).toThrow("not open");
  expect(() => given([recorded, recorded])).toThrow("twice");
});
