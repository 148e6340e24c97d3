import { medCardCommand } from "../../protocol/medcard/commands.ts";
import { type MedCardEvent, medCardEvent } from "../../protocol/medcard/events.ts";
import type { Actor } from "../actor/actor.ts";
import { CardSpend } from "./card-spend.ts";
import { type AnyMedCardCommand, concludeMedCard, decideMedCard, may } from "./decide.ts";
import { evolveMedCard } from "./evolve.ts";
import type { MedCardState } from "./medcard.ts";

/** Medical cards, and the claims on them. */
export const medCardActor: Actor<MedCardState, AnyMedCardCommand, MedCardEvent> = {
  name: "MedCard",
  commands: medCardCommand,
  events: medCardEvent,
  upcasts: [],
  decide: decideMedCard,
  conclude: concludeMedCard,
  evolve: evolveMedCard,
  dueAtMs: ({ status, expiresAtMs }) => (status === "ACTIVE" ? expiresAtMs : Number.POSITIVE_INFINITY),
  dueCommand: { type: "ExpireCard" },
  mayRead: (state, sender) => may(state, sender, "issuer") || may(state, sender, "holder"),
  cameAtMs: ({ issuedAtMs }) => issuedAtMs,
  longFields: ["spend"],
  notFound: "medcard_not_found",
  projection: () => new CardSpend(),
};
