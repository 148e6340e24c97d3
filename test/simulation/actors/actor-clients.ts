import type { Caller } from "../../../gateway/caller.ts";
import { commandActor } from "../../../gateway/found-actors.ts";
import { listSagas, releaseSaga } from "../../../gateway/sagas.ts";
import { CODES } from "../../../protocol/codes.ts";
import { OPERATION } from "../../../protocol/command-record.ts";
import { uuidBytes } from "../../../protocol/ids.ts";
import { RESULT_BYTES } from "../../../protocol/result-record.ts";
import {
  type Answer,
  command,
  decodeAnswer,
  encodeCommands,
  extension,
  type LedgerCommand,
  NIL_ID,
  timedId,
} from "../../ledger-command.ts";
import { EGP } from "../../program-wallets.ts";
import { require } from "../rules.ts";
import type { ActorLedger } from "./actor-ledger.ts";
import type { Meant } from "./actor-model.ts";
import { ALL_WALLETS, FUNDED, OPENING_MINOR, ownerOf, WALLETS } from "./actor-wallets.ts";
import type { ActorWorld } from "./actor-world.ts";
import type { PaymentModel } from "./payment-model.ts";

/** What a client sends under one id, for as long as it has no answer. */
interface Message {
  readonly id: string;
  readonly what:
    | { readonly type: "actor"; readonly meant: Meant }
    | { readonly type: "money"; readonly command: LedgerCommand };
  first?: { readonly code: Answer["code"]; readonly sequence: number };
  wasNew: boolean;
  isAnswered: boolean;
}

/** Sent again whatever else was answered: the ledger has not decided. */
const UNDECIDED: readonly Answer["code"][] = ["overloaded", "in_progress", "actor_busy", "shutting_down", "hold_busy"];
const ADMIN: Caller = { role: "admin", ownerId: new Uint32Array(4), keyId: "" };

/** How often which type of actors is sent a command. */
const TYPES = { Payment: 5, MedCard: 4, Merchant: 2, TopUp: 2, Payout: 2 } as const;
const MONEY = { Transfer: 6, Credit: 1, FreezeWallet: 3, UnfreezeWallet: 6, VoidHold: 1 } as const;

/** Those who send commands to actors and move money beside them, and an operator. */
export class ActorClients {
  readonly #world: ActorWorld;
  readonly #messages: Message[] = [];
  /** What clients themselves have moved. */
  readonly #moved = new Map<string, number>();
  #ids = 0;

  constructor(world: ActorWorld) {
    this.#world = world;
  }

  get unanswered(): number {
    return this.#messages.filter(({ isAnswered }) => !isAnswered).length;
  }

  /** Opens all wallets. */
  open(ledger: ActorLedger): void {
    for (const walletId of ALL_WALLETS) {
      this.#money(ledger, {
        operation: OPERATION.CreateWallet,
        walletId,
        counterpartyId: ownerOf(walletId),
        currency: EGP,
        walletType: 1,
      });
    }
  }

  /** What comes when the wallets are there. */
  fund(ledger: ActorLedger): void {
    for (const walletId of ALL_WALLETS) this.#money(ledger, { operation: OPERATION.ActivateWallet, walletId });
  }

  /** What comes when they are active. */
  pay(ledger: ActorLedger): void {
    const amountMinor = BigInt(OPENING_MINOR);
    for (const walletId of FUNDED) this.#money(ledger, { operation: OPERATION.Credit, walletId, amountMinor });
  }

  /** Sends a new command to an actor. */
  command(ledger: ActorLedger): void {
    const { random, judge, host } = this.#world;
    const meant = judge.model(random.weighted(TYPES)).plan(random, host.wallMs);
    this.#send(ledger, { id: this.#newId(), what: { type: "actor", meant }, wasNew: false, isAnswered: false });
  }

  /** Moves money beside the actors, freezes a wallet or thaws it, or takes back a hold. */
  move(ledger: ActorLedger): void {
    const { random } = this.#world;
    const operation = random.weighted(MONEY);
    const amountMinor = BigInt(random.between(1, 50));
    const free = [...WALLETS.payers, ...WALLETS.shops, ...WALLETS.fundings];
    switch (operation) {
      case "Transfer": {
        const [walletId, counterpartyId] = [random.pick(free), random.pick(free)];
        if (walletId === counterpartyId) return;
        this.#money(ledger, { operation: OPERATION.Transfer, walletId, counterpartyId, amountMinor });
        break;
      }
      case "Credit":
        this.#money(ledger, { operation: OPERATION.Credit, walletId: random.pick(FUNDED), amountMinor });
        break;
      case "VoidHold": {
        const holds = (this.#world.judge.model("Payment") as PaymentModel).openHolds();
        if (holds.length === 0) return;
        const { walletId, holdId } = random.pick(holds);
        this.#money(ledger, { operation: OPERATION.VoidHold, walletId, extension: extension({ targetId: holdId }) });
        break;
      }
      default:
        this.#money(ledger, { operation: OPERATION[operation], walletId: random.pick(ALL_WALLETS) });
    }
  }

  /** Thaws everything. */
  thaw(ledger: ActorLedger): void {
    for (const walletId of ALL_WALLETS) this.#money(ledger, { operation: OPERATION.UnfreezeWallet, walletId });
  }

  /** The operator looks at what is parked, and has it tried again, or taken back. */
  operate(ledger: ActorLedger): void {
    const { random, trace } = this.#world;
    listSagas(ledger.dispatcher, ADMIN, (open) => {
      if (typeof open === "string") return;
      for (const { id } of open.sagas.filter(({ isParked }) => isParked)) {
        const isTakenBack = random.chance(0.3);
        releaseSaga(ledger.dispatcher, ADMIN, { id, isTakenBack, reason: "looked at" }, (code) =>
          trace.add(`the operator ${isTakenBack ? "gives up" : "retries"} saga ${id}: ${code}`),
        );
      }
    });
  }

  /** Sends a message again, with or without an answer. */
  retry(ledger: ActorLedger): void {
    const { random } = this.#world;
    const open = this.#messages.filter(({ isAnswered }) => !isAnswered);
    this.#send(ledger, random.pick(open.length > 0 && random.chance(0.7) ? open : this.#messages), true);
  }

  /** Sends everything again that has no answer, or simply everything. */
  retryAll(ledger: ActorLedger, isEverything = false): void {
    for (const message of this.#messages) if (isEverything || !message.isAnswered) this.#send(ledger, message, true);
  }

  /** What clients have moved into and out of wallets. */
  money(add: (walletId: string, postedMinor: number, heldMinor: number) => void): void {
    for (const [walletId, minor] of this.#moved) add(walletId, minor, 0);
  }

  #newId(): string {
    this.#ids += 1;
    return timedId(this.#world.host.wallMs, this.#ids);
  }

  #money(ledger: ActorLedger, fields: Partial<LedgerCommand> & Pick<LedgerCommand, "operation" | "walletId">): void {
    const id = this.#newId();
    this.#send(ledger, {
      id,
      what: { type: "money", command: command({ id, ...fields }) },
      wasNew: false,
      isAnswered: false,
    });
  }

  #send({ dispatcher }: ActorLedger, message: Message, isAgain = false): void {
    if (!isAgain) this.#messages.push(message);
    const { id, what } = message;
    const { trace } = this.#world;
    if (what.type === "actor") {
      const { aggregate, id: actorId, command: body, by } = what.meant;
      const ownerId = new Uint32Array(uuidBytes(by.isAdmin ? NIL_ID : by.ownerId).buffer);
      const caller: Caller = { role: by.isAdmin ? "admin" : "merchant", ownerId, keyId: "" };
      trace.add(
        `${body.type} ${id.slice(-4)} is sent${isAgain ? " again" : ""} to ${actorId.slice(-4)}: ${JSON.stringify(body)}`,
      );
      commandActor(dispatcher, caller, { aggregate, id: actorId, commandId: id, command: body }, (outcome) => {
        if (typeof outcome === "string") this.#answered(message, { code: outcome, sequence: 0, replayed: false });
        else this.#answered(message, outcome);
      });
      return;
    }
    const name = Object.entries(OPERATION).find(([, number]) => number === what.command.operation)?.[0];
    trace.add(`${name} ${id.slice(-4)} is sent${isAgain ? " again" : ""} for ${what.command.walletId.slice(-4)}`);
    dispatcher.commands(
      { role: "admin", ownerId: new Uint32Array(4) },
      0,
      encodeCommands([what.command]),
      1,
      (results) => this.#answered(message, decodeAnswer(results.subarray(0, RESULT_BYTES), 0, false)),
    );
  }

  #answered(message: Message, { code, sequence, replayed }: Pick<Answer, "code" | "sequence" | "replayed">): void {
    const { id, first, what } = message;
    this.#world.trace.add(
      `${id.slice(-4)} is answered ${code}${sequence > 0 ? ` at ${sequence}` : ""}${replayed ? " again" : ""}`,
    );
    if (sequence > 0) {
      require("sameAnswer", first === undefined || (first.code === code && first.sequence === sequence), () =>
        `command ${id} was answered ${first?.code} at ${first?.sequence}, and is now answered ${code} at ${sequence}`);
      require("appliedOnce", replayed || !message.wasNew, () => `command ${id} is answered as new a second time`);
      message.wasNew ||= !replayed;
    } else {
      const isForgotten = first !== undefined && (code === "deferred" || CODES[code].memory !== "passing");
      require("sameAnswer", !isForgotten, () =>
        `command ${id} was answered ${first?.code}, and is now answered ${code}`);
    }
    if (UNDECIDED.includes(code)) return;
    if (!message.isAnswered && code === "ok" && what.type === "money") this.#applied(what.command);
    if (sequence > 0) message.first ??= { code, sequence };
    message.isAnswered = true;
  }

  #applied({ operation, walletId, counterpartyId, amountMinor, extension: fields }: LedgerCommand): void {
    const add = (id: string, minor: bigint): void => {
      this.#moved.set(id, (this.#moved.get(id) ?? 0) + Number(minor));
    };
    if (operation === OPERATION.Transfer) {
      add(walletId, -amountMinor);
      add(counterpartyId, amountMinor);
    } else if (operation === OPERATION.Credit) {
      add(walletId, amountMinor);
    } else if (operation === OPERATION.VoidHold) {
      (this.#world.judge.model("Payment") as PaymentModel).holdVoided(fields?.targetId ?? "");
    }
  }
}
