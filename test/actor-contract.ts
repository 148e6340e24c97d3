import type { Ask, OpenWallet } from "./contract-ask.ts";
import { askMedCards } from "./medcard-contract.ts";
import { askMerchants } from "./merchant-contract.ts";
import { askPayments } from "./payment-contract.ts";
import { askPeople } from "./person-contract.ts";

/** For each type of actors, what asks every route of it. */
export const ACTOR_STORIES: readonly ((ask: Ask, wallet: OpenWallet) => Promise<void>)[] = [
  askPayments,
  askMedCards,
  askPeople,
  askMerchants,
];

/** Routes that tests of their own ask: `payments.test.ts` and `medcard-analytics.test.ts` in `gateway/rest`. */
export const ASKED_ELSEWHERE = [
  "GET /api/v1/sagas/{id}",
  "POST /api/v1/sagas/{id}/retry",
  "POST /api/v1/sagas/{id}/compensate",
  "GET /api/v1/medcards/analytics",
  "GET /api/v1/medcards/{id}/analytics",
];
