/** What answers show of a medical card: the card without its claims, its claims one by one or in pages, its limit. */

import { type InsuranceClaim, type MedCardState, type Prescription, usedMinor } from "../../engine/medcard/medcard.ts";
import { monthOf } from "../../engine/medcard/month.ts";
import type { Refusal } from "../../protocol/codes.ts";

/** A card as its shard shows it. */
interface MedCardFacts extends MedCardState {
  readonly id: string;
}

type Facts = Readonly<Record<string, unknown>>;
type Claim = Prescription | InsuranceClaim;

/** Fields of a card that a list leaves with the shard. */
export const LONG_FIELDS = ["prescriptions", "insuranceClaims", "months"] as const;
const CLAIMS_DEFAULT = 50;

export function cardView(state: Facts): object {
  const { prescriptions: _1, insuranceClaims: _2, months: _3, ...card } = cardOf(state);
  const { issuedAtMs, expiresAtMs, ownerId, ...facts } = card;
  return {
    ...facts,
    ownerId: ownerId === "" ? null : ownerId,
    issuedAt: text(issuedAtMs),
    expiresAt: text(expiresAtMs),
  };
}

export function beneficiariesView(state: Facts): object {
  const { holderId, beneficiaries } = cardOf(state);
  return { holderId, beneficiaries };
}

/** What is used and left of the limit, by the gateway's clock: a claim goes by that of the frame in which it is decided. */
export function monthlyLimitView(state: Facts): object {
  const card = cardOf(state);
  const { id: cardId, monthlyLimitMinor, timeZone, months } = card;
  const month = monthOf(timeZone, Date.now());
  const used = usedMinor(card, month);
  // A limit may have been lowered since.
  const leftMinor = Math.max(0, monthlyLimitMinor - used);
  return { cardId, monthlyLimitMinor, month, usedMinor: used, leftMinor, timeZone, months };
}

/** The claim that is named, or the code for one that the card does not know, or no longer. */
export function prescriptionView(state: Facts, { named }: { readonly named: string }): object | Refusal {
  const card = cardOf(state);
  const claim = card.prescriptions.find(({ claimId }) => claimId === named);
  return claim === undefined ? "claim_not_found" : prescriptionOf(card, claim);
}

export function insuranceClaimView(state: Facts, { named }: { readonly named: string }): object | Refusal {
  const card = cardOf(state);
  const claim = card.insuranceClaims.find(({ claimId }) => claimId === named);
  return claim === undefined ? "claim_not_found" : insuranceClaimOf(card, claim);
}

export function prescriptionsView(state: Facts, { query }: { readonly query: Facts }): object | Refusal {
  const card = cardOf(state);
  const page = pageOf(card.prescriptions, query);
  if (typeof page === "string") return page;
  return { prescriptions: page.claims.map((claim) => prescriptionOf(card, claim)), nextCursor: page.nextCursor };
}

export function insuranceClaimsView(state: Facts, { query }: { readonly query: Facts }): object | Refusal {
  const card = cardOf(state);
  const page = pageOf(card.insuranceClaims, query);
  if (typeof page === "string") return page;
  return { claims: page.claims.map((claim) => insuranceClaimOf(card, claim)), nextCursor: page.nextCursor };
}

/** Claims with the fields that the query names, the newest first. **Errors**: `cursor_invalid` for a claim that has left the card. */
function pageOf<One extends Claim>(
  all: readonly One[],
  { limit, cursor, ...where }: Facts,
): { readonly claims: readonly One[]; readonly nextCursor: string | null } | "cursor_invalid" {
  const first = cursor === undefined ? all.length : all.findIndex(({ claimId }) => claimId === cursor);
  if (first < 0) return "cursor_invalid";
  const asked = Object.entries(where);
  const isAsked = (claim: One): boolean =>
    asked.every(([field, value]) => (claim as unknown as Facts)[field] === value);
  const found = all.slice(0, first).filter(isAsked).reverse();
  const claims = found.slice(0, (limit as number | undefined) ?? CLAIMS_DEFAULT);
  return { claims, nextCursor: claims.length < found.length ? (claims.at(-1)?.claimId ?? null) : null };
}

function prescriptionOf({ id: cardId }: MedCardFacts, { claimedAtMs, ...claim }: Prescription): object {
  return { cardId, ...claim, claimedAt: text(claimedAtMs) };
}

function insuranceClaimOf({ id: cardId }: MedCardFacts, { filedAtMs, ...claim }: InsuranceClaim): object {
  return { cardId, ...claim, filedAt: text(filedAtMs) };
}

/** The shard's own state of a card, as it came through the ring. */
function cardOf(state: Facts): MedCardFacts {
  return state as Facts & MedCardFacts;
}

function text(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
