import type { CodeFacts } from "../code-facts.ts";

/** The codes of merchants, and of what payments are about because of them. */
export const MERCHANT_CODES = {
  merchant_not_found: { number: 208, http: 404, memory: "kept", meaning: "No merchant with this id." },
  merchant_exists: { number: 209, http: 409, memory: "kept", meaning: "A merchant with this id exists already." },
  merchant_status_conflict: {
    number: 210,
    http: 422,
    memory: "kept",
    meaning: "The merchant's status does not allow this.",
  },
  splits_exceeded: {
    number: 211,
    http: 422,
    memory: "kept",
    meaning: "The fee and the parts of others come to more than the payment.",
  },
  settlement_not_found: {
    number: 212,
    http: 404,
    memory: "passing",
    meaning: "The merchant has closed no batch with this number, or remembers it no longer.",
  },
} as const satisfies Record<string, CodeFacts>;
