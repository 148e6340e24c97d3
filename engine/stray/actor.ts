import { type StrayCommand, type StrayEvent, strayCommand, strayEvent } from "../../protocol/stray/commands.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import type { Actor, ActorContext, ActorDecision } from "../actor/actor.ts";

/** OPEN → CLOSED, by an operator. */
export interface StrayState extends Omit<Extract<StrayEvent, { type: "StrayRecorded" }>, "type" | "atMs"> {
  readonly status: "OPEN" | "CLOSED";
  readonly recordedAtMs: number;
  readonly reason?: string;
}

/**
 * Money that a provider reports for an order that the ledger does not know. It is written down, since nobody else would remember it,
 * and moves nothing.
 */
export const strayActor: Actor<StrayState, StrayCommand, StrayEvent> = {
  name: "Stray",
  commands: strayCommand,
  events: strayEvent,
  upcasts: [],
  decide,
  conclude: () => [],
  evolve,
  dueAtMs: () => Number.POSITIVE_INFINITY,
  dueCommand: { type: "CloseStray", reason: "never sent" },
  mayRead: (_state, sender) => sender.isAdmin,
  cameAtMs: ({ recordedAtMs }) => recordedAtMs,
  isRestOnly: true,
  notFound: "stray_not_found",
};

function decide(
  state: StrayState | undefined,
  command: StrayCommand,
  { sender, nowMs: atMs }: ActorContext,
): ActorDecision<StrayEvent> {
  if (!sender.isAdmin) return { code: "forbidden" };
  switch (command.type) {
    case "RecordStray": {
      const { type: _, ...facts } = command;
      return { code: "ok", events: state === undefined ? [{ type: "StrayRecorded", ...facts, atMs }] : [] };
    }
    case "CloseStray":
      if (state === undefined) return { code: "stray_not_found" };
      return { code: "ok", events: state.status === "OPEN" ? [{ ...command, type: "StrayClosed", atMs }] : [] };
    default:
      return unreachable(command);
  }
}

/** **Errors**: throws on an event that cannot happen: the journal is broken. */
function evolve(state: StrayState | undefined, event: StrayEvent): StrayState {
  if (event.type === "StrayRecorded") {
    if (state !== undefined) throw new Error("a stray was recorded twice");
    const { type: _, atMs: recordedAtMs, ...facts } = event;
    return { ...facts, status: "OPEN", recordedAtMs };
  }
  if (state?.status !== "OPEN") throw new Error("a stray that is not open was closed");
  return { ...state, status: "CLOSED", reason: event.reason };
}
