import type { CodeFacts } from "../code-facts.ts";

/** The codes of people and their personal data. */
export const PERSON_CODES = {
  person_not_found: { number: 200, http: 404, memory: "kept", meaning: "No person with this id." },
  person_exists: { number: 201, http: 409, memory: "kept", meaning: "A person with this id exists already." },
  person_erased: { number: 202, http: 410, memory: "kept", meaning: "The person was erased, for good." },
  personal_data_key_missing: {
    number: 203,
    http: 409,
    memory: "passing",
    meaning: "The key of this person is not here, so nothing of the person can be read; giving all fields again helps.",
  },
  personal_data_disabled: {
    number: 204,
    http: 422,
    memory: "passing",
    meaning: "The ledger keeps no personal data: it was started without MIZAN_PERSONAL_DATA_KEY.",
  },
} as const satisfies Record<string, CodeFacts>;
