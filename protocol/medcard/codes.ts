import type { CodeFacts } from "../code-facts.ts";

/** The codes of medical cards. */
export const MEDCARD_CODES = {
  medcard_not_found: { number: 170, http: 404, memory: "kept", meaning: "No medical card with this id." },
  medcard_exists: { number: 171, http: 409, memory: "kept", meaning: "A medical card with this id exists already." },
  medcard_status_conflict: {
    number: 172,
    http: 422,
    memory: "kept",
    meaning: "The card's status does not allow this.",
  },
  medcard_expired: { number: 173, http: 422, memory: "kept", meaning: "The card's time is over." },
  medcard_limit_exceeded: {
    number: 174,
    http: 422,
    memory: "kept",
    meaning: "The covered part is more than what is left of the card's limit in this month.",
  },
  beneficiary_not_found: {
    number: 175,
    http: 404,
    memory: "kept",
    meaning: "The card does not cover this person.",
  },
  beneficiary_exists: { number: 176, http: 409, memory: "kept", meaning: "The card covers this person already." },
  beneficiaries_full: {
    number: 177,
    http: 422,
    memory: "kept",
    meaning: "The card covers as many persons as it may.",
  },
  category_not_covered: {
    number: 178,
    http: 422,
    memory: "kept",
    meaning: "The card's tier does not cover this category.",
  },
  pharmacy_not_covered: {
    number: 179,
    http: 422,
    memory: "kept",
    meaning: "The card may not be used at this pharmacy.",
  },
  items_total_mismatch: {
    number: 180,
    http: 422,
    memory: "kept",
    meaning: "The items do not add up to the total.",
  },
  tier_order_invalid: {
    number: 181,
    http: 422,
    memory: "kept",
    meaning: "An upgrade needs a higher tier, and a downgrade a lower one.",
  },
  claim_not_found: {
    number: 182,
    http: 404,
    memory: "kept",
    meaning: "The card knows no such claim, or no longer.",
  },
  claim_exists: { number: 183, http: 409, memory: "kept", meaning: "The card has a claim with this id already." },
  claim_status_conflict: {
    number: 184,
    http: 422,
    memory: "kept",
    meaning: "The claim's status does not allow this.",
  },
  claim_amount_exceeded: {
    number: 185,
    http: 422,
    memory: "kept",
    meaning: "The amount is more than what was claimed.",
  },
  claims_open: { number: 186, http: 422, memory: "kept", meaning: "The card has insurance claims that are open." },
  claims_full: {
    number: 187,
    http: 422,
    memory: "kept",
    meaning: "The card has as many open insurance claims as it may.",
  },
} as const satisfies Record<string, CodeFacts>;
