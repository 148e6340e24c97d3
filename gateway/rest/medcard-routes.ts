/** The routes of medical cards, of the claims on them, and of their tiers. */

import { termsOf } from "../../engine/medcard/tiers.ts";
import {
  beneficiariesAnswer,
  insuranceClaimAnswer,
  insuranceClaimFoundAnswer,
  insuranceClaimsAnswer,
  insuranceClaimsQuery,
  medCardAnswer,
  medCardFoundAnswer,
  medCardsAnswer,
  medCardsQuery,
  medCardTiersAnswer,
  monthlyLimitAnswer,
  prescriptionAnswer,
  prescriptionFoundAnswer,
  prescriptionsAnswer,
  prescriptionsQuery,
} from "../../protocol/medcard/answers.ts";
import {
  addBeneficiaryBody,
  approveInsuranceClaimBody,
  cardChangeBody,
  cardReasonBody,
  cardTierBody,
  claimPrescriptionBody,
  fileInsuranceClaimBody,
  issueCardBody,
  MEDCARD_TIERS,
  monthlyLimitBody,
  renewCardBody,
} from "../../protocol/medcard/commands.ts";
import { actorRoutes } from "./actor-routes.ts";
import {
  beneficiariesView,
  cardView,
  insuranceClaimsView,
  insuranceClaimView,
  LONG_FIELDS,
  monthlyLimitView,
  prescriptionsView,
  prescriptionView,
} from "./medcard-views.ts";
import type { PlainRoute } from "./route.ts";

const PRESCRIPTIONS = "/claims/prescriptions";
const INSURANCE = "/claims/insurance";
const PRESCRIPTION = { answer: prescriptionAnswer, view: prescriptionView };
const INSURANCE_CLAIM = { answer: insuranceClaimAnswer, view: insuranceClaimView };

const CARD_ROUTES = actorRoutes({
  actor: "MedCard",
  path: "/api/v1/medcards",
  found: {
    summary: "A medical card, for its issuer, its holder, and admins.",
    answer: medCardFoundAnswer,
    view: cardView,
  },
  answer: medCardAnswer,
  list: {
    summary: "The medical cards that the caller may see, the newest first.",
    answer: medCardsAnswer,
    name: "cards",
    query: medCardsQuery,
    without: LONG_FIELDS,
    view: cardView,
  },
  create: {
    type: "IssueCard",
    body: issueCardBody,
    summary: "Issues a medical card, which its holder then activates; for admins.",
  },
  changes: [
    { path: "/activate", type: "ActivateCard", body: cardChangeBody, summary: "Activates a card; for its holder." },
    {
      path: "/suspend",
      type: "SuspendCard",
      body: cardReasonBody,
      summary: "Takes no claims until the card is reactivated; for its issuer, as all below unless they say otherwise.",
    },
    {
      path: "/reactivate",
      type: "ReactivateCard",
      body: cardChangeBody,
      summary: "Makes a suspended card active again.",
    },
    {
      path: "/close",
      type: "CloseCard",
      body: cardReasonBody,
      summary: "Closes a card without open claims, for good.",
    },
    {
      path: "/renew",
      type: "RenewCard",
      body: renewCardBody,
      summary: "Lets a card last longer, also one that has expired.",
    },
    {
      method: "put",
      path: "/monthly-limit",
      type: "UpdateMonthlyLimit",
      body: monthlyLimitBody,
      summary: "Sets what is covered in a month.",
    },
    { path: "/upgrade", type: "UpgradeTier", body: cardTierBody, summary: "Gives a card the terms of a higher tier." },
    {
      path: "/downgrade",
      type: "DowngradeTier",
      body: cardTierBody,
      summary: "Gives a card the terms of a lower tier.",
    },
    {
      path: "/beneficiaries",
      type: "AddBeneficiary",
      body: addBeneficiaryBody,
      status: 201,
      summary: "Covers a person, up to 20 besides the holder.",
    },
    {
      method: "del",
      path: "/beneficiaries/{beneficiaryId}",
      type: "RemoveBeneficiary",
      body: cardChangeBody,
      summary: "Covers a person no longer.",
    },
    {
      path: PRESCRIPTIONS,
      type: "ClaimPrescription",
      body: claimPrescriptionBody,
      derived: "claimId",
      status: 201,
      shown: PRESCRIPTION,
      summary: "Pays a pharmacy what a card covers and the holder's copayment, or nothing; for its holder.",
    },
    {
      path: `${PRESCRIPTIONS}/{claimId}/reverse`,
      type: "ReversePrescription",
      body: cardReasonBody,
      shown: PRESCRIPTION,
      summary: "Gives limit and money of a prescription back, once; for whoever owns the pharmacy's wallet.",
    },
    {
      path: INSURANCE,
      type: "FileInsuranceClaim",
      body: fileInsuranceClaimBody,
      derived: "claimId",
      status: 201,
      shown: INSURANCE_CLAIM,
      summary: "Files a claim on which the issuer decides; for the card's holder.",
    },
    {
      path: `${INSURANCE}/{claimId}/approve`,
      type: "ApproveInsuranceClaim",
      body: approveInsuranceClaimBody,
      shown: INSURANCE_CLAIM,
      summary: "Approves a claim, in part or in full.",
    },
    {
      path: `${INSURANCE}/{claimId}/reject`,
      type: "RejectInsuranceClaim",
      body: cardReasonBody,
      shown: INSURANCE_CLAIM,
      summary: "Rejects a claim, and says why.",
    },
    {
      path: `${INSURANCE}/{claimId}/pay`,
      type: "PayInsuranceClaim",
      body: cardChangeBody,
      shown: INSURANCE_CLAIM,
      summary: "Pays an approved claim to the holder's wallet.",
    },
  ],
  reads: [
    {
      path: "/monthly-limit",
      summary: "What is used and left of a card's limit in this month, and what was used in those before.",
      answer: monthlyLimitAnswer,
      view: monthlyLimitView,
    },
    {
      path: "/beneficiaries",
      summary: "Whom a card covers.",
      answer: beneficiariesAnswer,
      view: beneficiariesView,
    },
    {
      path: PRESCRIPTIONS,
      summary: "The prescriptions that a card remembers, at most 100, the newest first.",
      query: prescriptionsQuery,
      answer: prescriptionsAnswer,
      view: prescriptionsView,
    },
    {
      path: `${PRESCRIPTIONS}/{claimId}`,
      summary: "A prescription that a card remembers.",
      answer: prescriptionFoundAnswer,
      view: prescriptionView,
    },
    {
      path: INSURANCE,
      summary: "The insurance claims that a card remembers, at most 50 and all that are open, the newest first.",
      query: insuranceClaimsQuery,
      answer: insuranceClaimsAnswer,
      view: insuranceClaimsView,
    },
    {
      path: `${INSURANCE}/{claimId}`,
      summary: "An insurance claim that a card remembers.",
      answer: insuranceClaimFoundAnswer,
      view: insuranceClaimView,
    },
  ],
});

const TIERS_ROUTE: PlainRoute = {
  kind: "plain",
  method: "get",
  path: "/api/v1/medcard-tiers",
  summary: "What the tiers of medical cards give to cards that are issued, upgraded or downgraded from now on.",
  status: 200,
  answer: medCardTiersAnswer,
  access: "caller",
  run: (exchange, { config }) => {
    const tiers = MEDCARD_TIERS.map((tier) => termsOf(tier, config.medCardTiers));
    exchange.json(200, JSON.stringify({ tiers }));
  },
};

export const MEDCARD_ROUTES: readonly PlainRoute[] = [...CARD_ROUTES, TIERS_ROUTE];
