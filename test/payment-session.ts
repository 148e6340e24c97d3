import type { SagaView } from "../engine/actor/actor-row.ts";
import { unpack } from "../engine/object/object-record.ts";
import { REQUEST_KIND } from "../engine/port/entries.ts";
import type { ActorLookup, ObjectCommand, ObjectOutcome, OpenSagas } from "../engine/views.ts";
import type { HarnessJournal, HarnessOptions } from "./engine-harness.ts";
import { EngineSession, OWNER_ID } from "./engine-session.ts";
import { untimedId } from "./ledger-command.ts";

const PAYING_ID = untimedId(0xa2);
export const MERCHANT_SENDER = { isAdmin: false, ownerId: OWNER_ID };
export const PAYING_SENDER = { isAdmin: false, ownerId: PAYING_ID };
export const ADMIN_SENDER = { isAdmin: true, ownerId: "" };
const SHARDS = 2;

/** Payments on the second of two shards, from a payer with 1,000 on the first to a merchant on the second. */
export class PaymentSession extends EngineSession {
  readonly payer: string;
  readonly shop: string;
  readonly fees: string;
  /** Another wallet for fees, not on the payer's shard. */
  readonly farFees: string;
  readonly paymentId: string;
  #commands = 0;

  constructor(options: Partial<HarnessOptions> = {}, journals?: readonly HarnessJournal[]) {
    super(SHARDS, options, journals);
    this.payer = this.nextWalletId(0);
    this.shop = this.nextWalletId(1);
    this.fees = this.nextWalletId(0);
    this.farFees = this.nextWalletId(1);
    this.paymentId = this.nextWalletId(1);
  }

  /** Opens the wallets. */
  opened(): this {
    this.openWallet(0, { walletId: this.payer, balanceMinor: 1_000n, ownerId: PAYING_ID });
    this.openWallet(1, { walletId: this.shop });
    this.openWallet(0, { walletId: this.fees, ownerId: untimedId(0xa9) });
    this.openWallet(1, { walletId: this.farFees, ownerId: untimedId(0xa9) });
    return this;
  }

  command(type: string, body: object = {}, by = MERCHANT_SENDER, id = this.paymentId): ObjectCommand {
    this.#commands += 1;
    return {
      aggregate: "Payment",
      id,
      commandId: untimedId(0xc_0000 + this.#commands),
      command: { type, ...body },
      by,
    };
  }

  initiating(body: object = {}, by = MERCHANT_SENDER, id = this.paymentId): ObjectCommand {
    const facts = { payerWalletId: this.payer, merchantWalletId: this.shop, amountMinor: 600, currency: "EGP" };
    return this.command("InitiatePayment", { ...facts, ...body }, by, id);
  }

  authorizing(): ObjectCommand {
    return this.command("AuthorizePayment", {}, PAYING_SENDER);
  }

  /** Hands a command over; returns the answer where it comes without other shards. */
  begin(command: ObjectCommand): ObjectOutcome | undefined {
    return this.#ask(REQUEST_KIND.ActorCommand, command) as ObjectOutcome | undefined;
  }

  /** Delivers one message between the shards and one within the shard that got it, by turns in one direction and the other. */
  deliverSome(turn: number): void {
    const [from, to] = turn % 2 === 0 ? [0, 1] : [1, 0];
    this.engine.deliver(from, to);
    this.engine.deliver(to, to);
    for (const shard of [0, 1]) this.engine.flush(shard);
  }

  /** Sends a command, and delivers messages until nothing moves any more. */
  pay(command: ObjectCommand): ObjectOutcome | undefined {
    const outcome = this.begin(command);
    return outcome ?? this.answered();
  }

  /** Delivers messages until nothing moves any more; returns what was answered. */
  answered(): ObjectOutcome | undefined {
    this.settle();
    return this.#takeAnswer() as ObjectOutcome | undefined;
  }

  payment(by = ADMIN_SENDER, id = this.paymentId): Readonly<Record<string, unknown>> | null {
    return this.look({ aggregate: "Payment", id, by });
  }

  look(lookup: ActorLookup): Readonly<Record<string, unknown>> | null {
    return this.#ask(REQUEST_KIND.LookupActor, lookup) as Readonly<Record<string, unknown>> | null;
  }

  sagas(): readonly SagaView[] {
    return (this.#ask(REQUEST_KIND.ListSagas, {}) as OpenSagas).sagas;
  }

  release(id: string, isTakenBack = false): unknown {
    return this.#ask(REQUEST_KIND.ReleaseSaga, { id, isTakenBack, reason: "looked at" });
  }

  /** Lets time pass, and what is due then happen. */
  pass(ms: number): void {
    this.nowMs += ms;
    for (let shard = 0; shard < SHARDS; shard += 1) this.engine.expireHolds(shard);
    this.settle();
  }

  /** What a wallet has, and what is held of it. */
  money(walletId: string): readonly [postedMinor: number, heldMinor: number] {
    const { postedMinor, heldMinor } = this.wallet(walletId);
    return [Number(postedMinor), Number(heldMinor)];
  }

  #ask(kind: number, value: unknown): unknown {
    this.engine.others.length = 0;
    this.engine.requestObject(1, kind, 1, value);
    this.engine.flush(1);
    return this.#takeAnswer();
  }

  #takeAnswer(): unknown {
    const answers = this.engine.others.splice(0).map(({ payload }) => unpack(payload, 0, payload.byteLength));
    return answers.at(-1);
  }
}
