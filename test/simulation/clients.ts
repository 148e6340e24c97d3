import { REQUEST_FLAG } from "../../engine/port/entries.ts";
import { OPERATION } from "../../protocol/command-record.ts";
import { shardOfUuid, uuidBytes } from "../../protocol/ids.ts";
import { RESULT_BYTES, RESULT_DETAIL_BYTES, WALLET, WALLET_BYTES } from "../../protocol/result-record.ts";
import type { Caller } from "../driven-ledger.ts";
import { type Answer, decodeAnswer, encodeCommands, idTimeMs, type LedgerCommand } from "../ledger-command.ts";
import { BASE_MS, CALLERS, EGP, OWNERS, USD, walletsOf } from "../program-wallets.ts";
import { require } from "./rules.ts";
import type { RunningLedger } from "./running-ledger.ts";
import { Workload } from "./workload.ts";
import type { World } from "./world.ts";

/** A message, which a client sends again, as it is, for as long as it has no answer. */
interface ClientMessage {
  readonly number: number;
  readonly caller: Caller;
  readonly hasDetails: boolean;
  readonly commands: readonly LedgerCommand[];
  readonly records: Uint8Array;
  /** The first answer to each command that is remembered for it. */
  readonly firsts: (Answer | undefined)[];
  /** Which commands were answered as not known before: none may be so twice. */
  readonly wasNew: boolean[];
  isAnswered: boolean;
}

/** Sent again whatever else was answered: the ledger has not decided. */
const UNDECIDED: readonly string[] = ["overloaded", "in_progress", "shutting_down", "deferred"];
const OPENING_MINOR = 200n;

/**
 * The clients: they send messages through the gateway, send them again after a crash, and hold the ledger to what it
 * has answered.
 */
export class Clients {
  readonly #world: World;
  readonly #workload: Workload;
  readonly #messages: ClientMessage[] = [];
  /** Newest position of each shard that somebody was told. */
  readonly #acknowledged: number[];
  /** Newest version of each wallet that somebody was told. */
  readonly #seen = new Map<string, bigint>();

  constructor(world: World) {
    this.#world = world;
    this.#workload = new Workload(world);
    this.#acknowledged = world.shards.map(() => 0);
  }

  get unanswered(): number {
    return this.#messages.filter(({ isAnswered }) => !isAnswered).length;
  }

  /** The messages that open the wallets everything else needs: two on every shard and one of another currency, funded. */
  open(ledger: RunningLedger): void {
    const { shop } = this.#world;
    for (const shard of this.#world.shards) {
      const wallets = walletsOf(shard, this.#world.options.shardCount);
      for (const [index, walletId] of wallets.slice(0, shard === 0 ? 3 : 2).entries()) {
        const currency = index === 2 ? USD : EGP;
        const owned = { counterpartyId: OWNERS[index % 2], currency, walletType: 1 };
        this.#create(CALLERS[0], true, [
          this.#workload.command({ operation: OPERATION.CreateWallet, walletId, ...owned }),
          this.#workload.command({ operation: OPERATION.ActivateWallet, walletId }),
          this.#workload.command({ operation: OPERATION.Credit, walletId, amountMinor: OPENING_MINOR }),
          ...(walletId === shop ? [this.#workload.command({ operation: OPERATION.StripeWallet, walletId })] : []),
        ]);
      }
    }
    this.retryAll(ledger);
  }

  /** Sends a new message. */
  send(ledger: RunningLedger): void {
    const { random } = this.#world;
    const caller = random.chance(0.8) ? CALLERS[0] : random.pick(CALLERS);
    const shard = random.pick(this.#world.shards);
    const isLinked = random.chance(0.1);
    const count = random.pick([1, 1, 2, 3, 4]);
    const commands = Array.from({ length: count }, (_, index) => {
      const linked = isLinked && index < count - 1;
      return {
        ...this.#workload.plan(isLinked || random.chance(0.7) ? shard : random.pick(this.#world.shards)),
        linked,
      };
    });
    this.#dispatch(ledger, this.#create(caller, random.chance(0.7), commands));
  }

  /** Sends a message again, with or without an answer. */
  retry(ledger: RunningLedger): void {
    const { random } = this.#world;
    const open = this.#messages.filter(({ isAnswered }) => !isAnswered);
    this.#dispatch(ledger, random.pick(open.length > 0 && random.chance(0.7) ? open : this.#messages));
  }

  /** Sends everything again that has no answer, or simply everything. */
  retryAll(ledger: RunningLedger, isEverything = false): void {
    for (const message of this.#messages) if (isEverything || !message.isAnswered) this.#dispatch(ledger, message);
  }

  /** Reads wallets, whose states may not be older than what somebody was told before. */
  read(ledger: RunningLedger): void {
    const ids = this.#world.shards.flatMap((shard) => walletsOf(shard, this.#world.options.shardCount).slice(0, 2));
    const seenBefore = ids.map((id) => this.#seen.get(id) ?? 0n);
    const bytes = Buffer.concat(ids.map((id) => uuidBytes(id)));
    ledger.dispatcher.lookupWallets({ role: "admin", ownerId: new Uint32Array(4) }, bytes, (records) => {
      if (typeof records === "string") throw new Error(`wallets cannot be read: ${records}`);
      const view = new DataView(records.buffer, records.byteOffset);
      for (const [index, id] of ids.entries()) {
        const at = index * WALLET_BYTES;
        if (view.getUint16(at + WALLET.code, true) !== 0) continue;
        const version = view.getBigUint64(at + WALLET.version, true);
        this.#show(id, view.getBigInt64(at + WALLET.postedMinor, true), version);
        require("durableReads", version >= seenBefore[index], () =>
          `wallet ${id} is read at version ${version} after ${seenBefore[index]} was told`);
      }
    });
  }

  /** Reads the striped wallet, with nothing under way: what it is told to hold must be all that it holds anywhere. */
  readTotal(ledger: RunningLedger): void {
    const { shop, shards, reference } = this.#world;
    if (shop === undefined) return;
    const balances = shards.map((shard) => reference.wallets(shard).find(({ id }) => id === shop)?.postedMinor ?? 0n);
    const totalMinor = balances.reduce((sum, balance) => sum + balance, 0n);
    ledger.dispatcher.lookupWallets({ role: "admin", ownerId: new Uint32Array(4) }, uuidBytes(shop), (records) => {
      if (typeof records === "string") throw new Error(`a wallet cannot be read: ${records}`);
      const told = new DataView(records.buffer, records.byteOffset).getBigInt64(WALLET.postedMinor, true);
      this.#world.trace.add(`wallet ${shortId(shop)} is read with ${told}, where shards hold ${balances.join(", ")}`);
      require("total", told === totalMinor, () => `wallet ${shop} is read with ${told}, and ${totalMinor} was paid`);
    });
  }

  /** What was told must be there after a restart. */
  checkAcknowledged(ledger: RunningLedger): void {
    for (const shard of this.#world.shards) {
      const { sequence } = ledger.state(shard);
      require("acknowledgedKept", sequence >= this.#acknowledged[shard], () =>
        `shard ${shard} comes back at ${sequence}, but ${this.#acknowledged[shard]} was acknowledged`);
    }
  }

  #create(caller: Caller, hasDetails: boolean, commands: readonly LedgerCommand[]): ClientMessage {
    const message: ClientMessage = {
      number: this.#messages.length + 1,
      caller,
      hasDetails,
      commands,
      records: encodeCommands(commands),
      firsts: commands.map(() => undefined),
      wasNew: commands.map(() => false),
      isAnswered: false,
    };
    this.#messages.push(message);
    return message;
  }

  #dispatch({ dispatcher }: RunningLedger, message: ClientMessage): void {
    const { caller, hasDetails, commands, records, number } = message;
    const principal = { role: caller.role, ownerId: new Uint32Array(uuidBytes(caller.ownerId).buffer) };
    const flags = hasDetails ? REQUEST_FLAG.details : 0;
    const wasKnown = message.firsts.map((first) => first !== undefined);
    const code = dispatcher.commands(principal, flags, records, commands.length, (results) =>
      this.#answered(message, wasKnown, results),
    );
    const what = commands.map((command) => this.#describe(command)).join("; ");
    this.#world.trace.add(
      `${caller.role} sends message ${number}${code === "ok" ? "" : `, refused with ${code}`}: ${what}`,
    );
  }

  /** Takes the answer to a message that was sent when the answers to some of its commands were known. */
  #answered(message: ClientMessage, wasKnown: readonly boolean[], results: Uint8Array): void {
    const { commands, hasDetails, firsts, wasNew, number } = message;
    const bytes = hasDetails ? RESULT_DETAIL_BYTES : RESULT_BYTES;
    const answers = commands.map((_, index) => decodeAnswer(results, index * bytes, hasDetails));
    this.#world.trace.add(`message ${number} is answered: ${answers.map(describeAnswer).join("; ")}`);
    for (const [index, answer] of answers.entries()) {
      const command = commands[index];
      require("comesToAnswer", answer.code !== "deferred", () => `command ${command.id} is answered as still running`);
      const shard = results[index * bytes + 3];
      if (answer.sequence > 0) this.#acknowledged[shard] = Math.max(this.#acknowledged[shard], answer.sequence);
      if (answer.sequence > 0)
        require("durableReads", answer.sequence <= this.#world.auditor.sequence(shard), () =>
          `${shard}:${answer.sequence} is shown and not durable`);
      const { wallet } = answer;
      // The wallet of a movement is shown as it was then, which may be long ago.
      if (wallet !== null) this.#show(command.walletId, wallet.postedMinor, wallet.version);
      // A run that cannot be recognised any more is a new run, and fails.
      const isForgotten = answer.code === "linked_failed" && commands.some((one) => this.#isPast(one));
      // It was decided, and not remembered, before the copy that got the first answer.
      const isLate = answer.sequence === 0 && !wasKnown[index];
      if (!isForgotten && !isLate) this.#compareWithFirst(command, firsts[index], answer);
      if (answer.sequence > 0) firsts[index] ??= answer;
      if (answer.sequence > 0 && !answer.replayed) {
        require("appliedOnce", !wasNew[index], () => `command ${command.id} is answered as new a second time`);
        wasNew[index] = true;
      }
    }
    message.isAnswered ||= answers.every(({ code }) => !UNDECIDED.includes(code));
  }

  #compareWithFirst(command: LedgerCommand, first: Answer | undefined, answer: Answer): void {
    if (first === undefined) return;
    const { code, sequence, wallet } = answer;
    if (code === "overloaded" || (code === "id_expired" && this.#isPast(command))) return;
    const isSameSide =
      first.wallet === null ||
      wallet === null ||
      (first.wallet.postedMinor === wallet.postedMinor && first.wallet.version === wallet.version);
    require("sameAnswer", code === first.code && sequence === first.sequence && isSameSide, () =>
      `command ${command.id} was answered ${describeAnswer(first)}, and is now answered ${describeAnswer(answer)}`);
  }

  /** Whether a command's id lies before what its shard still remembers. */
  #isPast({ id, walletId }: LedgerCommand): boolean {
    const { options, states } = this.#world;
    return idTimeMs(id) < states[shardOfUuid(walletId, options.shardCount)].ids.floorMs;
  }

  /** Somebody is told a wallet's balance at a version. */
  #show(walletId: string, postedMinor: bigint, version: bigint): void {
    const shard = shardOfUuid(walletId, this.#world.options.shardCount);
    const durable = this.#world.auditor.postedAt(shard, walletId, Number(version));
    require("durableReads", durable === Number(postedMinor), () =>
      `wallet ${walletId} is shown with ${postedMinor} at version ${version}, durable is ${durable ?? "nothing"}`);
    const seen = this.#seen.get(walletId) ?? 0n;
    if (version > seen) this.#seen.set(walletId, version);
  }

  #describe(command: LedgerCommand): string {
    const { operation, walletId, counterpartyId, amountMinor, linked, id } = command;
    const name = Object.entries(OPERATION).find(([, number]) => number === operation)?.[0];
    return `${name} ${shortId(id)} ${shortId(walletId)}→${shortId(counterpartyId)} ${amountMinor}${linked ? " linked" : ""}`;
  }
}

function describeAnswer({ code, sequence, replayed, wallet }: Answer): string {
  const side = wallet === null ? "" : ` with ${wallet.postedMinor} at version ${wallet.version}`;
  return `${code}${sequence > 0 ? ` at ${sequence}` : ""}${replayed ? " again" : ""}${side}`;
}

/** Ids of a simulation differ in their last digits, and in their time. */
function shortId(id: string): string {
  const timeMs = idTimeMs(id);
  return `${timeMs < 0 ? "" : `${timeMs - BASE_MS}ms#`}${id.slice(-4)}`;
}
