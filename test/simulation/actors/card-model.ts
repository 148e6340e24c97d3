import { deepStrictEqual } from "node:assert";
import type { Code } from "../../../protocol/codes.ts";
import { untimedId } from "../../ledger-command.ts";
import type { Random } from "../random.ts";
import type { ActorModel, Meant, Steps, Told } from "./actor-model.ts";
import { MERCHANT_ID, PERSON_ID, WALLETS } from "./actor-wallets.ts";
import { shareOf } from "./share-of.ts";

interface Claim {
  readonly pharmacy: string;
  readonly totalMinor: number;
  readonly coveredMinor: number;
  readonly copaymentMinor: number;
  readonly month: string;
  status: "CLAIMED" | "PAID" | "REVERSED";
}

interface Insurance {
  readonly amountMinor: number;
  approvedMinor: number;
  status: "SUBMITTED" | "APPROVED" | "REJECTED" | "PAID";
}

interface Card {
  readonly funding: string;
  readonly holder: string;
  readonly clearing: string;
  readonly basisPoints: number;
  readonly expiresAtMs: number;
  status: string;
  limitMinor: number;
  readonly claims: Map<string, Claim>;
  readonly insurance: Map<string, Insurance>;
}

const CARDS_MAX = 2;
/** Copayments of the tiers that the simulation uses. */
const COPAYMENTS: Readonly<Record<string, number>> = { BRONZE: 3_000, SILVER: 2_000, PLATINUM: 0 };
const ISSUER = { isAdmin: false, ownerId: MERCHANT_ID };
const HOLDER = { isAdmin: false, ownerId: PERSON_ID };
const ADMIN = { isAdmin: true, ownerId: "" };

const USED = ["ACTIVE", "SUSPENDED", "EXPIRED"];
/** Command → who sends it, and the statuses in which it is taken. */
const RULES: Readonly<Record<string, { readonly by: typeof ISSUER; readonly taken: readonly string[] }>> = {
  ActivateCard: { by: HOLDER, taken: ["ISSUED"] },
  SuspendCard: { by: ISSUER, taken: ["ACTIVE"] },
  ReactivateCard: { by: ISSUER, taken: ["SUSPENDED"] },
  ExpireCard: { by: ISSUER, taken: ["ACTIVE"] },
  UpdateMonthlyLimit: { by: ISSUER, taken: ["ISSUED", "ACTIVE", "SUSPENDED"] },
  ClaimPrescription: { by: HOLDER, taken: ["ACTIVE"] },
  ReversePrescription: { by: ISSUER, taken: [...USED, "CLOSED"] },
  FileInsuranceClaim: { by: HOLDER, taken: ["ACTIVE"] },
  ApproveInsuranceClaim: { by: ISSUER, taken: USED },
  RejectInsuranceClaim: { by: ISSUER, taken: USED },
  PayInsuranceClaim: { by: ISSUER, taken: USED },
};
const IN_TIME = ["ActivateCard", "ReactivateCard", "ClaimPrescription", "FileInsuranceClaim"];

const WEIGHTS = {
  ActivateCard: 1,
  SuspendCard: 1,
  ReactivateCard: 3,
  UpdateMonthlyLimit: 1,
  ClaimPrescription: 14,
  ReversePrescription: 6,
  FileInsuranceClaim: 3,
  ApproveInsuranceClaim: 3,
  RejectInsuranceClaim: 1,
  PayInsuranceClaim: 4,
} as const;

/** Medical cards, thought anew. */
export class CardModel implements ActorModel {
  readonly type = "MedCard";
  readonly #cards = new Map<string, Card>();
  #planned = 0;
  #claims = 0;

  ids(): Iterable<string> {
    return this.#cards.keys();
  }

  plan(random: Random, nowMs: number): Meant {
    if (this.#planned === 0 || (this.#planned < CARDS_MAX && random.chance(0.05))) {
      this.#planned += 1;
      return this.#issuing(random, untimedId(0xd_2000 + this.#planned), nowMs);
    }
    const id = untimedId(0xd_2000 + random.between(1, this.#planned));
    const card = this.#cards.get(id);
    // A card that was issued is activated before anything else.
    const type = card?.status === "ISSUED" && random.chance(0.8) ? "ActivateCard" : random.weighted(WEIGHTS);
    return { aggregate: this.type, id, command: { type, ...this.#body(type, random, card) }, by: RULES[type].by };
  }

  #issuing(random: Random, id: string, nowMs: number): Meant {
    const at = this.#planned - 1;
    const command = {
      type: "IssueCard",
      ownerId: MERCHANT_ID,
      holderId: PERSON_ID,
      tier: random.pick(Object.keys(COPAYMENTS)),
      currency: "EGP",
      fundingWalletId: random.pick(WALLETS.fundings),
      holderWalletId: random.pick(WALLETS.payers),
      clearingWalletId: WALLETS.clearings[at],
      monthlyLimitMinor: random.pick([60, 400]),
      expiresAt: new Date(nowMs + (random.chance(0.2) ? 60_000 : 400 * 86_400_000)).toISOString(),
    };
    return { aggregate: this.type, id, command, by: ADMIN };
  }

  #body(type: keyof typeof WEIGHTS, random: Random, card: Card | undefined): object {
    const known = (ids: Iterable<string> | undefined): string => {
      const all = [...(ids ?? [])];
      return all.length === 0 ? untimedId(0xd_3000) : random.pick(all);
    };
    switch (type) {
      case "ClaimPrescription": {
        const totalMinor = random.pick([random.between(1, 40), 5 * random.between(1, 12)]);
        const items = [{ code: "a", quantity: 1, unitPriceMinor: totalMinor }];
        const pharmacyWalletId = random.pick(WALLETS.shops);
        return {
          claimId: this.#claimId(),
          pharmacyWalletId,
          beneficiaryId: PERSON_ID,
          category: "MEDICATION",
          totalMinor,
          items,
        };
      }
      case "FileInsuranceClaim":
        return {
          claimId: this.#claimId(),
          beneficiaryId: PERSON_ID,
          category: "MEDICATION",
          amountMinor: random.between(1, 40),
        };
      case "ReversePrescription":
        return { claimId: known(card?.claims.keys()), reason: "wrong" };
      case "ApproveInsuranceClaim": {
        const approved = random.chance(0.5) ? { approvedMinor: random.between(1, 30) } : {};
        return { claimId: known(card?.insurance.keys()), ...approved };
      }
      case "RejectInsuranceClaim":
        return { claimId: known(card?.insurance.keys()), reason: "no" };
      case "PayInsuranceClaim":
        return { claimId: known(card?.insurance.keys()) };
      case "UpdateMonthlyLimit":
        return { monthlyLimitMinor: random.pick([40, 300, 500]) };
      case "SuspendCard":
        return { reason: "lost" };
      default:
        return {};
    }
  }

  decide({ id, command, nowMs }: Told): Code | "steps" {
    const card = this.#cards.get(id);
    const { type } = command;
    if (type === "IssueCard") {
      if (card !== undefined) return "medcard_exists";
      return Date.parse(String(command.expiresAt)) <= nowMs ? "expiry_invalid" : "ok";
    }
    if (card === undefined) return "medcard_not_found";
    if (!RULES[type].taken.includes(card.status)) return "medcard_status_conflict";
    if (IN_TIME.includes(type) && card.expiresAtMs <= nowMs) return "medcard_expired";
    switch (type) {
      case "ClaimPrescription": {
        const leftMinor = card.limitMinor - usedOf(card, monthAt(nowMs));
        return claimOf(command, card, nowMs).coveredMinor > leftMinor ? "medcard_limit_exceeded" : "steps";
      }
      case "ReversePrescription": {
        const claim = card.claims.get(String(command.claimId));
        if (claim === undefined) return "claim_not_found";
        return claim.status === "PAID" ? "steps" : "claim_status_conflict";
      }
      case "ApproveInsuranceClaim":
      case "RejectInsuranceClaim":
      case "PayInsuranceClaim": {
        const claim = card.insurance.get(String(command.claimId));
        if (claim === undefined) return "claim_not_found";
        if (claim.status !== (type === "PayInsuranceClaim" ? "APPROVED" : "SUBMITTED")) return "claim_status_conflict";
        if (type === "ApproveInsuranceClaim" && Number(command.approvedMinor ?? 0) > claim.amountMinor)
          return "claim_amount_exceeded";
        return type === "PayInsuranceClaim" ? "steps" : "ok";
      }
      default:
        return "ok";
    }
  }

  /** What is covered is reserved at once; both parts meet in the clearing wallet, and the pharmacy gets the whole. */
  begun({ id, command, nowMs }: Told, steps: Steps): void {
    const card = this.#of(id);
    const ways = steps.map(({ ask }) => [ask.walletId, ask.toWalletId, ask.amountMinor]);
    const { funding, holder, clearing } = card;
    if (command.type === "ClaimPrescription") {
      const claim = claimOf(command, card, nowMs);
      card.claims.set(String(command.claimId), claim);
      const parts = [
        [funding, clearing, claim.coveredMinor],
        [holder, clearing, claim.copaymentMinor],
        [clearing, claim.pharmacy, claim.totalMinor],
      ];
      deepStrictEqual(
        ways,
        parts.filter(([, , amountMinor]) => amountMinor !== 0),
      );
    } else if (command.type === "ReversePrescription") {
      const claim = card.claims.get(String(command.claimId));
      const parts = [
        [claim?.pharmacy, clearing, claim?.totalMinor],
        [clearing, funding, claim?.coveredMinor],
        [clearing, holder, claim?.copaymentMinor],
      ];
      deepStrictEqual(
        ways,
        parts.filter(([, , amountMinor]) => amountMinor !== 0),
      );
    }
  }

  ended(told: Told, code: Code): void {
    const { id, command } = told;
    if (command.type === "IssueCard") {
      this.#cards.set(id, {
        funding: String(command.fundingWalletId),
        holder: String(command.holderWalletId),
        clearing: String(command.clearingWalletId),
        basisPoints: COPAYMENTS[String(command.tier)],
        expiresAtMs: Date.parse(String(command.expiresAt)),
        status: "ISSUED",
        limitMinor: Number(command.monthlyLimitMinor),
        claims: new Map(),
        insurance: new Map(),
      });
      return;
    }
    this.#ended(this.#of(id), told, code);
  }

  #ended(card: Card, { command }: Told, code: Code): void {
    const claimId = String(command.claimId);
    const claim = card.claims.get(claimId);
    const insurance = card.insurance.get(claimId);
    switch (command.type) {
      case "ClaimPrescription":
        if (code !== "ok") card.claims.delete(claimId);
        else if (claim !== undefined) claim.status = "PAID";
        break;
      case "ReversePrescription":
        if (code === "ok" && claim !== undefined) claim.status = "REVERSED";
        break;
      case "FileInsuranceClaim": {
        const amountMinor = Number(command.amountMinor);
        card.insurance.set(claimId, { amountMinor, approvedMinor: amountMinor, status: "SUBMITTED" });
        break;
      }
      case "ApproveInsuranceClaim":
      case "RejectInsuranceClaim":
        if (insurance === undefined) break;
        insurance.status = command.type === "RejectInsuranceClaim" ? "REJECTED" : "APPROVED";
        insurance.approvedMinor = Number(command.approvedMinor ?? insurance.amountMinor);
        break;
      case "PayInsuranceClaim":
        if (code === "ok" && insurance !== undefined) insurance.status = "PAID";
        break;
      case "UpdateMonthlyLimit":
        card.limitMinor = Number(command.monthlyLimitMinor);
        break;
      case "SuspendCard":
        card.status = "SUSPENDED";
        break;
      case "ExpireCard":
        card.status = "EXPIRED";
        break;
      default:
        card.status = "ACTIVE";
    }
  }

  compare(id: string, state: unknown): void {
    const card = this.#of(id);
    const { status, monthlyLimitMinor, months, prescriptions, insuranceClaims } = state as {
      readonly status: string;
      readonly monthlyLimitMinor: number;
      readonly months: readonly { readonly month: string; readonly usedMinor: number }[];
      readonly prescriptions: readonly {
        readonly claimId: string;
        readonly status: string;
        readonly copaymentMinor: number;
      }[];
      readonly insuranceClaims: readonly { readonly claimId: string; readonly status: string }[];
    };
    deepStrictEqual([status, monthlyLimitMinor], [card.status, card.limitMinor]);
    for (const { month, usedMinor } of months) deepStrictEqual(usedMinor, usedOf(card, month), `the use of ${month}`);
    deepStrictEqual(
      prescriptions.map((one) => [one.claimId, one.status, one.copaymentMinor]),
      [...card.claims].map(([claimId, one]) => [claimId, one.status, one.copaymentMinor]),
    );
    deepStrictEqual(
      insuranceClaims.map((one) => [one.claimId, one.status]),
      [...card.insurance].map(([claimId, one]) => [claimId, one.status]),
    );
  }

  isOverdue(id: string, nowMs: number): boolean {
    const { status, expiresAtMs } = this.#of(id);
    return status === "ACTIVE" && expiresAtMs <= nowMs;
  }

  money(add: (walletId: string, postedMinor: number, heldMinor: number) => void): void {
    for (const { funding, holder, claims, insurance } of this.#cards.values()) {
      for (const { status, pharmacy, totalMinor, coveredMinor, copaymentMinor } of claims.values()) {
        if (status !== "PAID") continue;
        add(funding, -coveredMinor, 0);
        add(holder, -copaymentMinor, 0);
        add(pharmacy, totalMinor, 0);
      }
      for (const { status, approvedMinor } of insurance.values()) {
        if (status !== "PAID") continue;
        add(funding, -approvedMinor, 0);
        add(holder, approvedMinor, 0);
      }
    }
  }

  #of(id: string): Card {
    const card = this.#cards.get(id);
    if (card === undefined) throw new Error(`there is no card ${id}`);
    return card;
  }

  #claimId(): string {
    this.#claims += 1;
    return untimedId(0xd_4000 + this.#claims);
  }
}

/** What a card's claims of a month cover that stand. */
function usedOf({ claims }: Card, month: string): number {
  return [...claims.values()]
    .filter((claim) => claim.month === month && claim.status !== "REVERSED")
    .reduce((sum, { coveredMinor }) => sum + coveredMinor, 0);
}

function claimOf({ totalMinor, pharmacyWalletId }: Told["command"], { basisPoints }: Card, nowMs: number): Claim {
  const total = Number(totalMinor);
  const copaymentMinor = shareOf(total, basisPoints);
  const coveredMinor = total - copaymentMinor;
  const pharmacy = String(pharmacyWalletId);
  return { pharmacy, totalMinor: total, coveredMinor, copaymentMinor, month: monthAt(nowMs), status: "CLAIMED" };
}

/** In Cairo it is two hours later in winter, and a simulation sees no summer. */
function monthAt(nowMs: number): string {
  return new Date(nowMs + 2 * 3_600_000).toISOString().slice(0, 7);
}
