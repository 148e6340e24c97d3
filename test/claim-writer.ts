/** Writers of prescription claims over a binary socket, and the check that money and limits agree with the cards whatever was killed. */

import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import type { UuidV7 } from "../protocol/ids.ts";
import { ADMIN_KEY, type LedgerProcess } from "./ledger-process.ts";
import { type WireActorCommand, type WireActorResult, WireClient } from "./wire-client.ts";
import { endsWithConnection, OPENING_MINOR } from "./writers.ts";

const CARDS = 8;
const BATCH = 6;
const LIMIT_MINOR = 40_000;
/** Claims are multiples of this, so that the fifth that holders pay is whole. */
const UNIT_MINOR = 5;
const ENDS_WITHIN_MS = 120_000;
const POLL_MS = 50;
const YEAR_MS = 366 * 86_400_000;

/** What may be answered otherwise when it is sent again at once. */
const PASSING: ReadonlySet<string> = new Set(["in_progress", "actor_busy"]);

interface Card {
  readonly id: string;
  readonly funding: string;
  readonly holder: string;
  readonly clearing: string;
}

interface Sent {
  readonly command: WireActorCommand;
  readonly card: Card;
  /** What a claim moves, or a reversal moves back. */
  readonly moved: Claim | undefined;
  readonly isReversal: boolean;
  answer: WireActorResult | undefined;
}

interface Claim {
  readonly claimId: string;
  readonly pharmacy: string;
  readonly totalMinor: number;
}

interface CardState {
  readonly months: readonly { readonly usedMinor: number }[];
  readonly prescriptions: readonly { readonly claimId: string; readonly status: string }[];
}

/** Claims and their reversals on cards whose wallets transfers and payments use as well. */
export class ClaimStory {
  readonly clearingWallets: readonly string[];
  readonly #wallets: readonly string[];
  readonly #ids: UuidV7;
  readonly #random: () => number;
  readonly #cards: readonly Card[];
  readonly #issued: Sent[] = [];
  readonly #settled: Sent[] = [];
  #unsettled: Sent[] = [];
  /** Claims that were running, or of whose end nobody heard, when the ledger was killed. */
  interrupted = 0;

  constructor(wallets: readonly string[], clearingWallets: readonly string[], ids: UuidV7, random: () => number) {
    this.clearingWallets = clearingWallets;
    this.#wallets = wallets;
    this.#ids = ids;
    this.#random = random;
    this.#cards = Array.from({ length: CARDS }, (_, index) => ({
      id: ids.next(),
      funding: wallets[index],
      holder: wallets[CARDS + index],
      clearing: clearingWallets[index],
    }));
  }

  /** Issues and activates the cards. */
  async issue(ledger: LedgerProcess): Promise<void> {
    const expiresAt = new Date(Date.now() + YEAR_MS).toISOString();
    for (const card of this.#cards) {
      const facts = {
        holderId: card.id,
        tier: "SILVER",
        currency: "EGP",
        fundingWalletId: card.funding,
        holderWalletId: card.holder,
        clearingWalletId: card.clearing,
        monthlyLimitMinor: LIMIT_MINOR,
        expiresAt,
      };
      this.#issued.push(this.#sent(card, { type: "IssueCard", ...facts }));
      this.#unsettled.push(this.#sent(card, { type: "ActivateCard" }));
    }
    this.#unsettled.unshift(...this.#issued);
    await this.settle(ledger);
  }

  /** Sends batches of claims and reversals until the connection breaks. */
  async write(ledger: LedgerProcess): Promise<void> {
    await endsWithConnection(async () => {
      const client = await WireClient.connect(ledger.port, ADMIN_KEY);
      for (;;) {
        const batch = Array.from({ length: BATCH }, () => this.#act());
        this.#unsettled.push(...batch);
        const answers = await client.actorCommands(batch.map(({ command }) => command));
        for (const [index, answer] of answers.entries()) if (!PASSING.has(answer.code)) batch[index].answer = answer;
      }
    });
  }

  /** Sends everything again: what was answered must be answered alike, what was not must come to an answer now. */
  async settle(ledger: LedgerProcess): Promise<void> {
    this.interrupted += this.#unsettled.filter(
      ({ answer, moved }) => answer === undefined && moved !== undefined,
    ).length;
    const client = await WireClient.connect(ledger.port, ADMIN_KEY);
    const deadlineMs = Date.now() + ENDS_WITHIN_MS;
    let open = this.#unsettled;
    while (open.length > 0) {
      expect(Date.now()).toBeLessThan(deadlineMs);
      const left: Sent[] = [];
      for (let first = 0; first < open.length; first += 500) {
        const part = open.slice(first, first + 500);
        const answers = await client.actorCommands(part.map(({ command }) => command));
        for (const [index, answer] of answers.entries()) {
          const sent = part[index];
          if (sent.answer !== undefined) expect(answer).toMatchObject(firstAnswer(sent.answer));
          else if (PASSING.has(answer.code)) left.push(sent);
          else sent.answer = answer;
        }
      }
      open = left;
      if (open.length > 0) await delay(POLL_MS);
    }
    client.close();
    this.#settled.push(...this.#unsettled);
    this.#unsettled = [];
  }

  /** Checks limits and claims of each card against what was answered, and moves the balances; returns how many were paid. */
  async check(ledger: LedgerProcess, balances: Map<string, number>): Promise<number> {
    const paid = new Map<string, Sent>();
    for (const sent of this.#settled) {
      if (sent.moved === undefined || sent.answer?.code !== "ok") continue;
      if (!sent.isReversal) paid.set(sent.moved.claimId, sent);
    }
    for (const { isReversal, moved, answer } of this.#settled) {
      // However often it was asked for, a claim was taken back once.
      if (isReversal && answer?.code === "ok") expect(paid.delete(moved?.claimId ?? "")).toBe(true);
    }
    for (const clearing of this.clearingWallets) balances.set(clearing, OPENING_MINOR);
    const add = (id: string, minor: number): void => {
      balances.set(id, (balances.get(id) ?? 0) + minor);
    };
    const used = new Map(this.#cards.map(({ id }) => [id, 0]));
    for (const { card, moved } of paid.values()) {
      const { pharmacy, totalMinor } = moved as Claim;
      const copaymentMinor = totalMinor / UNIT_MINOR;
      add(card.funding, copaymentMinor - totalMinor);
      add(card.holder, -copaymentMinor);
      add(pharmacy, totalMinor);
      used.set(card.id, (used.get(card.id) ?? 0) + totalMinor - copaymentMinor);
    }
    const client = await WireClient.connect(ledger.port, ADMIN_KEY);
    const found = await client.actorCommands(
      this.#issued.map(({ command }) => command),
      true,
    );
    client.close();
    for (const [index, { id }] of this.#cards.entries()) {
      const { months, prescriptions } = found[index].state as unknown as CardState;
      expect([id, months.reduce((sum, { usedMinor }) => sum + usedMinor, 0)]).toEqual([id, used.get(id)]);
      for (const { claimId, status } of prescriptions) {
        expect([claimId, status === "PAID"]).toEqual([claimId, paid.has(claimId)]);
      }
    }
    return paid.size;
  }

  #act(): Sent {
    const card = this.#pick(this.#cards);
    const earlier = this.#settled.filter((sent) => sent.card === card && sent.moved !== undefined && !sent.isReversal);
    if (earlier.length > 0 && this.#random() < 0.4) {
      const { moved } = this.#pick(earlier);
      return this.#sent(
        card,
        { type: "ReversePrescription", claimId: moved?.claimId, reason: "returned" },
        moved,
        true,
      );
    }
    const totalMinor = UNIT_MINOR * (1 + Math.floor(this.#random() * 400));
    const taken = [card.funding, card.holder, card.clearing];
    const pharmacy = this.#pick(this.#wallets.filter((wallet) => !taken.includes(wallet)));
    const claim = { claimId: this.#ids.next(), pharmacy, totalMinor };
    const facts = { beneficiaryId: card.id, category: "MEDICATION", totalMinor };
    const items = [{ code: "a", quantity: UNIT_MINOR, unitPriceMinor: totalMinor / UNIT_MINOR }];
    const command = { type: "ClaimPrescription", claimId: claim.claimId, pharmacyWalletId: pharmacy, ...facts, items };
    return this.#sent(card, command, claim);
  }

  #sent(card: Card, command: object, moved?: Claim, isReversal = false): Sent {
    const sent = { id: this.#ids.next(), actor: "MedCard", actorId: card.id, command };
    return { command: sent, card, moved, isReversal, answer: undefined };
  }

  #pick<T>(values: readonly T[]): T {
    return values[Math.floor(this.#random() * values.length)];
  }
}

function firstAnswer({ code, position }: WireActorResult): Partial<WireActorResult> {
  // What is refused and not kept is decided anew.
  return position.endsWith(":0") ? {} : { code, position, replayed: true };
}
