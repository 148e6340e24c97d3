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

/** Routes that a ledger by itself cannot answer; each is asked, and its answer checked, in the test that is named. */
export const ASKED_ELSEWHERE = [
  // Answered by nodes that are replicated only: `mizan promote` checks them in `test/takeover.test.ts`.
  "POST /api/v1/replication/handover",
  "POST /api/v1/replication/promote",
  // What needs a saga that cannot go on: `gateway/rest/payments.test.ts`.
  "GET /api/v1/sagas/{id}",
  "POST /api/v1/sagas/{id}/retry",
  "POST /api/v1/sagas/{id}/compensate",
  // What needs a provider: `test/provider-failures.test.ts`.
  "GET /api/v1/topups",
  "GET /api/v1/topups/{id}",
  "POST /api/v1/topups",
  "POST /api/v1/topups/{id}/cancel",
  "POST /api/v1/topups/{id}/refund",
  "POST /api/v1/topups/{id}/resolve",
  "GET /api/v1/payouts",
  "GET /api/v1/payouts/{id}",
  "POST /api/v1/payouts",
  "POST /api/v1/payouts/{id}/fail",
  "POST /api/v1/payouts/{id}/resolve",
  "POST /api/v1/providers/{provider}/callbacks",
  "POST /api/v1/providers/{provider}/reconciliations",
  "GET /api/v1/providers/{provider}/reconciliations/{date}",
  "POST /api/v1/providers/{provider}/strays/{id}/close",
];
