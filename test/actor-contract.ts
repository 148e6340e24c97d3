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

/** What needs a saga that cannot go on is asked in `gateway/rest/payments.test.ts`. */
export const SAGA_ROUTES = [
  "GET /api/v1/sagas/{id}",
  "POST /api/v1/sagas/{id}/retry",
  "POST /api/v1/sagas/{id}/compensate",
];
