import { REQUEST_FLAG } from "../../engine/port/entries.ts";
import { OPERATION } from "../../protocol/command-record.ts";
import { shardOfUuid, uuidBytes } from "../../protocol/ids.ts";
import { RESULT_BYTES, RESULT_DETAIL_BYTES, WALLET, WALLET_BYTES } from "../../protocol/result-record.ts";
import type { Caller } from "../driven-ledger.ts";
import { type Answer, decodeAnswer, encodeCommands, idTimeMs, type LedgerCommand, timedId } from "../ledger-command.ts";
import { BASE_MS, CALLERS, EGP, OWNERS, USD, WINDOW_MS, walletsOf } from "../program-wallets.ts";
import { require } from "./rules.ts";
import type { RunningLedger } from "./running-ledger.ts";
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
  readonly #messages: ClientMessage[] = [];
  /** Newest position of each shard that somebody was told. */
  readonly #acknowledged: number[];
  /** Newest version of each wallet that somebody was told. */
  readonly #seen = new Map<string, bigint>();
  #ids = 0;

  constructor(world: World) {
    this.#world = world;
    this.#acknowledged = world.shards.map(() => 0);
  }

  get unanswered(): number {
    return this.#messages.filter(({ isAnswered }) => !isAnswered).length;
  }

  /** The messages that open the wallets everything else needs: two on every shard, funded. */
  open(ledger: RunningLedger): void {
    for (const shard of this.#world.shards) {
      for (const [index, walletId] of this.#walletsOf(shard).slice(0, 2).entries()) {
        const owned = { counterpartyId: OWNERS[index], currency: EGP, walletType: 1 };
        this.#create(CALLERS[0], true, [
          this.#command({ operation: OPERATION.CreateWallet, walletId, ...owned }),
          this.#command({ operation: OPERATION.ActivateWallet, walletId }),
          this.#command({ operation: OPERATION.Credit, walletId, amountMinor: OPENING_MINOR }),
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
    const isLinked = random.chance(0.15);
    const count = random.pick([1, 1, 2, 3, 4]);
    const commands = Array.from({ length: count }, (_, index) => {
      const linked = isLinked && index < count - 1;
      return { ...this.#plan(isLinked || random.chance(0.7) ? shard : random.pick(this.#world.shards)), linked };
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
    const ids = this.#world.shards.flatMap((shard) => this.#walletsOf(shard).slice(0, 2));
    const seenBefore = ids.map((id) => this.#seen.get(id) ?? 0n);
    const bytes = Buffer.concat(ids.map((id) => uuidBytes(id)));
    ledger.dispatcher.lookupWallets({ role: "admin", ownerId: new Uint32Array(4) }, bytes, (records) => {
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
      const isLate = UNDECIDED.includes(answer.code) && !wasKnown[index];
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

  #walletsOf(shard: number): readonly string[] {
    return walletsOf(shard, this.#world.options.shardCount);
  }

  #command(fields: Partial<LedgerCommand> & Pick<LedgerCommand, "operation" | "walletId">): LedgerCommand {
    const nil = "00000000-0000-0000-0000-000000000000";
    return {
      id: this.#newId(this.#world.host.wallMs),
      counterpartyId: nil,
      amountMinor: 0n,
      currency: 0,
      walletType: 0,
      linked: false,
      extension: null,
      ...fields,
    };
  }

  #newId(timeMs: number): string {
    this.#ids += 1;
    const id = timedId(timeMs, this.#ids);
    this.#world.noteId(id);
    return id;
  }

  #plan(shard: number): LedgerCommand {
    const { random, host, reference } = this.#world;
    const wallets = this.#walletsOf(shard);
    const walletId = random.chance(0.85) ? random.pick(wallets.slice(0, 2)) : wallets[2];
    const held = reference.wallets(shard).find(({ id }) => id === walletId);
    const whole = held !== undefined && held.postedMinor > 0n ? held.postedMinor : 1n;
    const amountMinor = random.chance(0.1) ? whole : BigInt(random.between(1, 60));
    const operation =
      OPERATION[
        random.weighted({
          Transfer: 24,
          Credit: 5,
          Debit: 3,
          CreateWallet: 2,
          ActivateWallet: 3,
          FreezeWallet: 2,
          UnfreezeWallet: 4,
          CloseWallet: 1,
          SetOverdraftLimit: 2,
        })
      ];
    const isCreation = operation === OPERATION.CreateWallet;
    const far = isCreation ? OWNERS : this.#world.shards.flatMap((other) => often(this.#walletsOf(other)));
    const extension = {
      reference: "00000000-0000-4000-8000-0000000000c1",
      expectedVersion: random.chance(0.7) ? 0n : (held?.version ?? 1n),
      metadata: random.chance(0.5) ? "" : '{"order":1}',
    };
    const fresh = this.#command({
      operation,
      walletId,
      ...(isCreation ? { currency: random.chance(0.8) ? EGP : USD, walletType: 1 } : {}),
      ...(isCreation || operation === OPERATION.Transfer ? { counterpartyId: random.pick(far) } : {}),
      amountMinor: isCreation ? 0n : amountMinor,
      extension: random.chance(0.2) ? extension : null,
    });
    if (random.chance(0.05))
      return { ...fresh, id: this.#newId(host.wallMs - WINDOW_MS + random.between(-2_000, 2_000)) };
    const earlier = this.#messages
      .flatMap(({ commands }) => commands)
      .filter(({ walletId: other }) => other === walletId);
    // An id that was used before, for another command.
    if (random.chance(0.04) && earlier.length > 0)
      return { ...fresh, id: random.pick(earlier).id, amountMinor: amountMinor + 100n };
    return fresh;
  }

  #describe(command: LedgerCommand): string {
    const { operation, walletId, counterpartyId, amountMinor, linked, id } = command;
    const name = Object.entries(OPERATION).find(([, number]) => number === operation)?.[0];
    return `${name} ${shortId(id)} ${shortId(walletId)}→${shortId(counterpartyId)} ${amountMinor}${linked ? " linked" : ""}`;
  }
}

/** The first two wallets of a shard more often than the last, which somebody has to open first. */
function often([first, second, third]: readonly string[]): readonly string[] {
  return [first, second, first, second, third];
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
