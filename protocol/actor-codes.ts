import type { CodeFacts } from "./code-facts.ts";
import { MEDCARD_CODES } from "./medcard/codes.ts";
import { MERCHANT_CODES } from "./merchant/codes.ts";
import { PERSON_CODES } from "./person/codes.ts";
import { PROVIDER_CODES } from "./provider/codes.ts";

/** The codes of payments, medical cards, and of actors and sagas in general: a part of the registry in codes.ts. */
export const ACTOR_CODES = {
  // Payments.
  payment_not_found: { number: 150, http: 404, memory: "kept", meaning: "No payment with this id." },
  payment_exists: { number: 151, http: 409, memory: "kept", meaning: "A payment with this id exists already." },
  payment_status_conflict: {
    number: 152,
    http: 422,
    memory: "kept",
    meaning: "The payment's status does not allow this.",
  },
  payment_amount_exceeded: {
    number: 153,
    http: 422,
    memory: "kept",
    meaning: "The amount is more than what is left of the payment to capture or refund.",
  },
  payment_expired: { number: 154, http: 422, memory: "kept", meaning: "The payment's time is over." },

  // Actors and their sagas.
  actor_busy: {
    number: 160,
    http: 409,
    memory: "passing",
    meaning: "Another command on the same object is still running; send the same id again later.",
  },
  actors_full: {
    number: 161,
    http: 503,
    memory: "passing",
    meaning: "The shard has as many payments and other objects as it was configured for.",
  },
  saga_not_found: {
    number: 162,
    http: 404,
    memory: "passing",
    meaning: "No saga with this id, or none that is open where it is to be released.",
  },
  saga_not_parked: { number: 163, http: 422, memory: "passing", meaning: "The saga does not wait for an operator." },
  saga_not_reversible: {
    number: 164,
    http: 422,
    memory: "passing",
    meaning: "What the saga did cannot be taken back, or it is not certain what it did.",
  },

  ...MEDCARD_CODES,

  ...PERSON_CODES,
  ...PROVIDER_CODES,
  ...MERCHANT_CODES,
} as const satisfies Record<string, CodeFacts>;
