/** A writer of payments over REST, and the check that money, holds and payments agree whatever was killed in between. */

import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import type { UuidV7 } from "../protocol/ids.ts";
import { ADMIN_KEY, type LedgerProcess } from "./ledger-process.ts";
import { WireClient } from "./wire-client.ts";
import { endsWithConnection } from "./writers.ts";

const ACTIONS_PER_PAYMENT = 7;
const AT_ONCE = 16;
const ENDS_WITHIN_MS = 120_000;
const POLL_MS = 50;
const FEE = { fixedMinor: 7, basisPoints: 333 };

interface Answer {
  readonly code: string;
  readonly position: unknown;
}

/** A command that was sent, and its answer if one came that is remembered. */
interface SentCommand {
  readonly id: string;
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
  answer: Answer | undefined;
}

interface SentPayment {
  readonly id: string;
  readonly payer: string;
  readonly shop: string;
  readonly amountMinor: number;
  readonly hasFee: boolean;
  readonly expiresAtMs: number;
  readonly commands: SentCommand[];
}

/** What becomes of a payment sent again at once: another command holds the actor, or its own is not at its end. */
const PASSING: ReadonlySet<string> = new Set(["in_progress", "actor_busy"]);

/** Payments of payers to shops, which are captured, voided and refunded in parts, at once and too often. */
export class PaymentStory {
  readonly #wallets: readonly string[];
  readonly #feesWallet: string;
  readonly #ids: UuidV7;
  readonly #random: () => number;
  readonly #payments: SentPayment[] = [];
  /** What came since the last `settle`. */
  #unsettled: SentCommand[] = [];
  /** Commands that got an answer when they were first sent. */
  answered = 0;
  /** Commands that were running, or of whose end nobody heard, when the ledger was killed. */
  interrupted = 0;

  constructor(wallets: readonly string[], feesWallet: string, ids: UuidV7, random: () => number) {
    this.#wallets = wallets;
    this.#feesWallet = feesWallet;
    this.#ids = ids;
    this.#random = random;
  }

  /** Makes payments until the connection breaks or it should not go on. */
  async write(ledger: LedgerProcess, goesOn: () => boolean = () => true): Promise<void> {
    await endsWithConnection(async () => {
      while (goesOn()) {
        const payment = this.#begin();
        this.#payments.push(payment);
        await this.#send(ledger, [payment.commands[0]]);
        await this.#send(ledger, [this.#command(payment, "authorize", {})]);
        for (let left = ACTIONS_PER_PAYMENT; left > 0; left -= 2) {
          const actions = [this.#act(payment), this.#act(payment)];
          // Some are sent twice at once under their id.
          await this.#send(ledger, this.#random() < 0.2 ? [...actions, actions[0]] : actions);
        }
      }
    });
  }

  /** Sends everything again: what was answered must be answered alike, what was not must come to an answer now. */
  async settle(ledger: LedgerProcess): Promise<void> {
    this.interrupted += this.#unsettled.filter(({ answer }) => answer === undefined).length;
    const deadlineMs = Date.now() + ENDS_WITHIN_MS;
    let open = this.#unsettled;
    while (open.length > 0) {
      expect(Date.now()).toBeLessThan(deadlineMs);
      const unsettled: SentCommand[] = [];
      for (let first = 0; first < open.length; first += AT_ONCE) {
        await Promise.all(
          open.slice(first, first + AT_ONCE).map(async (sent) => {
            const { code, position, isReplayed } = await ask(ledger, sent);
            if (sent.answer !== undefined) {
              expect({ code, position, isReplayed }).toEqual({ ...sent.answer, isReplayed: true });
            } else if (PASSING.has(code)) unsettled.push(sent);
            else sent.answer = { code, position };
          }),
        );
      }
      open = unsettled;
      if (open.length > 0) await delay(POLL_MS);
    }
    this.#unsettled = [];
  }

  /**
   * Checks each payment against what was answered about it, and what is held against the payments; moves the balances by them.
   * Returns how many payments are in each status.
   */
  async check(ledger: LedgerProcess, balances: Map<string, number>): Promise<ReadonlyMap<string, number>> {
    await hasEnded(async () => ((await read(ledger, "/sagas")).sagas as readonly unknown[]).length === 0);
    const held = new Map(this.#wallets.map((id) => [id, 0]));
    const statuses = new Map<string, number>();
    const add = (sums: Map<string, number>, id: string, minor: number): void => {
      sums.set(id, (sums.get(id) ?? 0) + minor);
    };
    const begun = this.#payments.filter(({ commands }) => isDone(commands[0]));
    for (const { commands } of this.#payments) if (!isDone(commands[0])) expect(commands.some(isDone)).toBe(false);
    for (let first = 0; first < begun.length; first += AT_ONCE) {
      const payments = begun.slice(first, first + AT_ONCE);
      const found = await Promise.all(payments.map((payment) => this.#found(ledger, payment)));
      for (const [index, { status, capturedMinor, refundedMinor, feesMinor }] of found.entries()) {
        const { payer, shop, amountMinor } = payments[index];
        add(statuses, status, 1);
        add(balances, payer, refundedMinor - capturedMinor);
        add(balances, shop, capturedMinor - feesMinor - refundedMinor);
        add(balances, this.#feesWallet, feesMinor);
        if (isOpen(status)) add(held, payer, amountMinor - capturedMinor);
      }
    }
    const client = await WireClient.connect(ledger.port, ADMIN_KEY);
    const wallets = await client.wallets([...this.#wallets]);
    client.close();
    expect(Object.fromEntries(wallets.map(({ id, heldMinor }) => [id, heldMinor]))).toEqual(Object.fromEntries(held));
    return statuses;
  }

  /** The payment as the ledger has it, which must be what its answered commands have made of it. */
  async #found(ledger: LedgerProcess, payment: SentPayment): Promise<FoundPayment> {
    const path = `/payments/${payment.id}`;
    const isOver = payment.expiresAtMs <= Date.now();
    let found = (await read(ledger, path)) as unknown as FoundPayment;
    await hasEnded(async () => {
      if (!isOver || !(isOpen(found.status) || found.status === "INITIATED")) return true;
      found = (await read(ledger, path)) as unknown as FoundPayment;
      return false;
    });
    const done = (action: string): readonly SentCommand[] =>
      payment.commands.filter((sent) => sent.path.endsWith(action) && isDone(sent));
    const sum = (action: string): number =>
      done(action).reduce((total, { body }) => total + (body.amountMinor as number), 0);
    const capturedMinor = sum("/capture");
    const refundedMinor = sum("/refund");
    expect(capturedMinor).toBeLessThanOrEqual(payment.amountMinor);
    expect(refundedMinor).toBeLessThanOrEqual(capturedMinor);
    expect(done("/authorize").length).toBeLessThanOrEqual(1);
    expect(done("/void").length).toBeLessThanOrEqual(1);
    const feesMinor = payment.hasFee && capturedMinor > 0 ? feeOf(capturedMinor) : 0;
    const amounts = { capturedMinor, refundedMinor, feesMinor };
    expect(found, JSON.stringify(payment.commands)).toMatchObject({ amountMinor: payment.amountMinor, ...amounts });
    const isEnded = done("/void").length > 0 || done("/fail").length > 0 || isOver;
    if (isEnded) expect(["VOIDED", "FAILED", "EXPIRED", "CAPTURED", "REFUNDED"]).toContain(found.status);
    else if (done("/authorize").length > 0) expect(found.status).not.toBe("INITIATED");
    return found;
  }

  #begin(): SentPayment {
    const id = this.#ids.next();
    const payer = this.#pick(this.#wallets);
    const shop = this.#pick(this.#wallets.filter((wallet) => wallet !== payer));
    const amountMinor = this.#amountMinor(2_000);
    const hasFee = this.#random() < 0.6;
    const expiresAtMs = this.#random() < 0.3 ? Date.now() + 200 + Math.floor(this.#random() * 800) : Infinity;
    const payment = { id, payer, shop, amountMinor, hasFee, expiresAtMs, commands: [] };
    this.#command(payment, "", {
      id,
      payerWalletId: payer,
      merchantWalletId: shop,
      amountMinor,
      currency: "EGP",
      ...(hasFee ? { fee: { walletId: this.#feesWallet, ...FEE } } : {}),
      ...(expiresAtMs === Infinity ? {} : { expiresAt: new Date(expiresAtMs).toISOString() }),
    });
    return payment;
  }

  #act(payment: SentPayment): SentCommand {
    const turn = this.#random();
    if (turn < 0.5) {
      const body = { amountMinor: this.#amountMinor(payment.amountMinor), final: this.#random() < 0.2 };
      return this.#command(payment, "capture", body);
    }
    if (turn < 0.85) return this.#command(payment, "refund", { amountMinor: this.#amountMinor(payment.amountMinor) });
    return turn < 0.95 ? this.#command(payment, "void", {}) : this.#command(payment, "fail", { reason: "abandoned" });
  }

  #command(payment: SentPayment, action: string, body: SentCommand["body"]): SentCommand {
    const path = action === "" ? "/payments" : `/payments/${payment.id}/${action}`;
    const sent: SentCommand = { id: this.#ids.next(), path, body, answer: undefined };
    payment.commands.push(sent);
    return sent;
  }

  async #send(ledger: LedgerProcess, commands: readonly SentCommand[]): Promise<void> {
    this.#unsettled.push(...new Set(commands));
    const asked = commands.map(async (sent) => {
      const { code, position } = await ask(ledger, sent);
      if (PASSING.has(code)) return;
      // Where it was sent twice, both are answered alike.
      if (sent.answer !== undefined) expect({ code, position }).toEqual(sent.answer);
      sent.answer = { code, position };
      this.answered += 1;
    });
    for (const one of await Promise.allSettled(asked)) if (one.status === "rejected") throw one.reason;
  }

  #amountMinor(max: number): number {
    return 1 + Math.floor(this.#random() * max);
  }

  #pick<T>(values: readonly T[]): T {
    return values[Math.floor(this.#random() * values.length)];
  }
}

interface FoundPayment {
  readonly status: string;
  readonly capturedMinor: number;
  readonly refundedMinor: number;
  readonly feesMinor: number;
}

/** What all captures together cost: rounded half to even, and no more than they are. */
function feeOf(capturedMinor: number): number {
  const product = capturedMinor * FEE.basisPoints;
  const whole = Math.floor(product / 10_000);
  const rest = product - whole * 10_000;
  const isUp = rest > 5_000 || (rest === 5_000 && whole % 2 === 1);
  return Math.min(capturedMinor, FEE.fixedMinor + whole + Number(isUp));
}

function isDone({ answer }: SentCommand): boolean {
  return answer?.code === "ok";
}

function isOpen(status: string): boolean {
  return status === "AUTHORIZED" || status === "PARTIALLY_CAPTURED";
}

async function hasEnded(isEnded: () => Promise<boolean>): Promise<void> {
  const deadlineMs = Date.now() + ENDS_WITHIN_MS;
  while (!(await isEnded())) {
    if (Date.now() > deadlineMs) throw new Error("payments have not come to their end in time");
    await delay(POLL_MS);
  }
}

async function ask({ url }: LedgerProcess, sent: SentCommand): Promise<Answer & { readonly isReplayed: boolean }> {
  const response = await fetch(`${url}/api/v1${sent.path}`, {
    method: "POST",
    headers: { ...HEADERS, "idempotency-key": sent.id },
    body: JSON.stringify(sent.body),
  });
  const { code = "ok", position } = (await response.json()) as { readonly code?: string; readonly position?: unknown };
  return { code, position, isReplayed: response.headers.get("idempotency-replayed") === "true" };
}

async function read({ url }: LedgerProcess, path: string): Promise<Readonly<Record<string, unknown>>> {
  const response = await fetch(`${url}/api/v1${path}`, { headers: HEADERS });
  expect(response.status).toBe(200);
  return (await response.json()) as Record<string, unknown>;
}

const HEADERS = { authorization: `Bearer ${ADMIN_KEY}`, "content-type": "application/json" };
