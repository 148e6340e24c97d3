import type { CodeFacts } from "../code-facts.ts";

/** The codes of top-ups, payouts and their providers. */
export const PROVIDER_CODES = {
  topup_not_found: { number: 218, http: 404, memory: "passing", meaning: "No top-up with this id." },
  topup_exists: { number: 219, http: 409, memory: "kept", meaning: "A top-up with this id exists already." },
  topup_status_conflict: {
    number: 220,
    http: 422,
    memory: "kept",
    meaning: "The top-up's status does not allow this.",
  },
  payout_not_found: { number: 221, http: 404, memory: "passing", meaning: "No payout with this id." },
  payout_exists: { number: 222, http: 409, memory: "kept", meaning: "A payout with this id exists already." },
  payout_status_conflict: {
    number: 223,
    http: 422,
    memory: "kept",
    meaning: "The payout's status does not allow this.",
  },
  attention_not_found: {
    number: 224,
    http: 404,
    memory: "kept",
    meaning: "No money of this transaction waits for an operator.",
  },
  provider_not_found: {
    number: 225,
    http: 404,
    memory: "passing",
    meaning: "No provider with this name is configured.",
  },
  provider_unavailable: {
    number: 226,
    http: 503,
    memory: "passing",
    meaning: "The provider does not answer, or as many requests to it run as may; nothing has happened.",
  },
  provider_method_unsupported: {
    number: 227,
    http: 422,
    memory: "passing",
    meaning: "The provider does not do this, or not in this currency or way.",
  },
  callback_signature_invalid: {
    number: 228,
    http: 401,
    memory: "passing",
    meaning: "The callback is not signed with the provider's key.",
  },
  callback_malformed: {
    number: 229,
    http: 400,
    memory: "passing",
    meaning: "The callback is signed, and says nothing that the ledger understands.",
  },
  callbacks_full: {
    number: 230,
    http: 503,
    memory: "passing",
    meaning: "As many callbacks about unknown orders are kept as may be; the provider is to send it again later.",
  },
  stray_not_found: { number: 231, http: 404, memory: "passing", meaning: "No money of an unknown order has this id." },
} as const satisfies Record<string, CodeFacts>;
