import { REQUEST_FLAG } from "../../engine/port/entries.ts";
import { formatUuid, shardOfUuid, uuidBytes } from "../../protocol/ids.ts";
import { DELTA, DELTA_BYTES, RESULT_DETAIL_BYTES, WALLET, WALLET_BYTES } from "../../protocol/result-record.ts";
import { type Answer, decodeAnswer, encodeCommands, type LedgerCommand } from "../ledger-command.ts";
import { walletsOf } from "../program-wallets.ts";
import type { LedgerNode } from "./ledger-node.ts";
import { LogWorkload } from "./log-workload.ts";
import { type LogWorld, SESSION_MS } from "./log-world.ts";
import type { NodeDisk } from "./node-disk.ts";
import { require } from "./rules.ts";

/** What a client was told, and in which frame that stood. */
interface Told {
  readonly answer: Answer;
  readonly hash: string | undefined;
  /** It was told that the log has it. */
  readonly isReplicated: boolean;
}

interface ClientMessage {
  readonly number: number;
  readonly commands: readonly LedgerCommand[];
  readonly records: Uint8Array;
  readonly awaitsLog: boolean;
  readonly told: (Told | undefined)[];
  isAnswered: boolean;
}

/** The ledger has not decided, or cannot say so yet. */
const UNDECIDED: readonly string[] = [
  "overloaded",
  "in_progress",
  "shutting_down",
  "not_leader",
  "replication_pending",
  "deferred",
];

/** A node that answers, and what it has on its disk. */
export interface Answering {
  readonly node: LedgerNode;
  readonly disk: NodeDisk;
}

/** The clients of a replicated ledger: they send to whichever node they believe to lead, and send again by id. */
export class LogClients {
  readonly #world: LogWorld;
  readonly #workload: LogWorkload;
  readonly #messages: ClientMessage[] = [];

  constructor(world: LogWorld) {
    this.#world = world;
    this.#workload = new LogWorkload(world);
  }

  get unanswered(): number {
    return this.#messages.filter(({ isAnswered }) => !isAnswered).length;
  }

  /** Opens the wallets that everything else needs. */
  open(): void {
    for (const shard of this.#world.shards) this.#create(this.#workload.opening(shard), true);
  }

  /** A new message. */
  send(to: Answering): void {
    const { random, shards } = this.#world;
    const commands = Array.from({ length: random.between(1, 3) }, () => this.#workload.plan(random.pick(shards)));
    this.#dispatch(to, this.#create(commands, random.chance(0.4)));
  }

  /** A message sent again, with or without an answer. */
  retry(to: Answering): void {
    const { random } = this.#world;
    const open = this.#messages.filter(({ isAnswered }) => !isAnswered);
    this.#dispatch(to, random.pick(open.length > 0 && random.chance(0.7) ? open : this.#messages));
  }

  /** Sends everything again that has no answer, or simply everything. */
  retryAll(to: Answering, isEverything = false): void {
    for (const message of this.#messages) if (isEverything || !message.isAnswered) this.#dispatch(to, message);
  }

  /** Reads wallets of which no part lies elsewhere, and follows them; what is shown must count. */
  read({ node }: Answering): void {
    const ids = this.#readable();
    const awaitsLog = this.#world.acks === "local";
    node.read(ids, awaitsLog, (found) => {
      if (typeof found === "string") return;
      this.#shows(node);
      const view = new DataView(found.buffer, found.byteOffset);
      for (const [index, id] of ids.entries()) {
        const at = index * WALLET_BYTES;
        if (view.getUint16(at + WALLET.code, true) !== 0) continue;
        const version = Number(view.getBigUint64(at + WALLET.version, true));
        this.#counts(id, version, Number(view.getBigInt64(at + WALLET.postedMinor, true)), "is read");
      }
    });
  }

  /** Follows wallets on a node that has just started. */
  subscribe({ node }: Answering): void {
    const subscriber = {
      principal: { role: "admin", ownerId: new Uint32Array(4), awaitsLog: true },
      bufferedBytes: () => 0,
      sendDeltas: (deltas: Uint8Array, count: number) => {
        this.#shows(node);
        const view = new DataView(deltas.buffer, deltas.byteOffset);
        for (let at = 0; at < count * DELTA_BYTES; at += DELTA_BYTES) {
          const version = Number(view.getBigUint64(at + DELTA.version, true));
          const postedMinor = Number(view.getBigInt64(at + DELTA.postedMinor, true));
          this.#counts(formatUuid(deltas, at + DELTA.walletId), version, postedMinor, "is streamed");
        }
      },
      closeSlow: () => {},
    } as const;
    for (const id of this.#readable()) node.streams.subscribe(subscriber, "wallet", uuidBytes(id), -1, () => {});
  }

  #readable(): readonly string[] {
    const { shards, options, shop } = this.#world;
    return shards.flatMap((shard) => walletsOf(shard, options.shardCount).slice(0, 2)).filter((id) => id !== shop);
  }

  #counts(walletId: string, version: number, postedMinor: number, how: string): void {
    const { judge, options } = this.#world;
    const shard = shardOfUuid(walletId, options.shardCount);
    require("confirmed", judge.showsRightly(shard, walletId, version, postedMinor), () =>
      `wallet ${walletId} ${how} with ${postedMinor} at version ${version}, which does not count`);
  }

  /** A node shows something. */
  #shows({ epoch, nodeId, isAlone, role }: LedgerNode): void {
    const { nowMs, claimed } = this.#world;
    const isOver = role.isLeading && epoch < claimed.epoch && nowMs > claimed.sinceMs + SESSION_MS;
    require("succeeded", !isOver || isAlone, () =>
      `node ${nodeId} of epoch ${epoch} shows something ${nowMs - claimed.sinceMs} ms after epoch ${claimed.epoch} was claimed`);
  }

  #create(commands: readonly LedgerCommand[], awaitsLog: boolean): ClientMessage {
    const message: ClientMessage = {
      number: this.#messages.length + 1,
      commands,
      records: encodeCommands(commands),
      awaitsLog,
      told: commands.map(() => undefined),
      isAnswered: false,
    };
    this.#messages.push(message);
    return message;
  }

  #dispatch(to: Answering, message: ClientMessage): void {
    const { records, commands, awaitsLog, number } = message;
    const before = [...message.told];
    const code = to.node.commands(REQUEST_FLAG.details, records, commands.length, awaitsLog, (results) =>
      this.#answered(to, message, before, results),
    );
    this.#world.trace.add(
      `message ${number} goes to node ${to.node.nodeId}${code === "ok" ? "" : `, which says ${code}`}`,
    );
  }

  #answered(
    { node, disk }: Answering,
    message: ClientMessage,
    before: readonly (Told | undefined)[],
    results: Uint8Array,
  ): void {
    const { acks, judge } = this.#world;
    const isReplicated = acks === "replicated" || message.awaitsLog;
    const answers = message.commands.map((_, index) => decodeAnswer(results, index * RESULT_DETAIL_BYTES, true));
    this.#world.trace.add(
      `message ${message.number} is answered by node ${node.nodeId}: ${answers.map(({ code, sequence }) => `${code} at ${sequence}`).join("; ")}`,
    );
    for (const [index, answer] of answers.entries()) {
      const { sequence } = answer;
      const shard = shardOfUuid(message.commands[index].walletId, this.#world.options.shardCount);
      const hash = sequence > 0 ? disk.journals[shard].hashAt(sequence) : undefined;
      const isCounted = hash !== undefined && judge.hashAt(shard, sequence) === hash;
      if (sequence > 0 && isReplicated) {
        require("confirmed", isCounted, () =>
          `message ${message.number} is answered with record ${shard}:${sequence}, which does not count`);
      }
      // What counts may be told late: a message of several parts, of which one was confirmed before and another never is.
      if (sequence > 0 && !isCounted) this.#shows(node);
      const told = message.told[index];
      // It was decided, and not remembered, before the copy that got the first answer.
      const isLate = sequence === 0 && before[index] === undefined;
      if (UNDECIDED.includes(answer.code) || isLate) continue;
      if (told !== undefined && this.#stillHolds(told, shard, disk)) this.#compare(message, index, told.answer, answer);
      if (sequence > 0)
        message.told[index] = { answer, hash, isReplicated: isReplicated || told?.isReplicated === true };
    }
    message.isAnswered ||= answers.every(({ code }) => !UNDECIDED.includes(code));
  }

  /** Whether what was told is part of the history of the node that now answers; it must be, where it was replicated. */
  #stillHolds({ answer, hash, isReplicated }: Told, shard: number, disk: NodeDisk): boolean {
    const counted = this.#world.judge.hashAt(shard, answer.sequence);
    require("confirmed", !isReplicated || counted === hash, () =>
      `record ${shard}:${answer.sequence} was told as replicated, and does not count any more`);
    return disk.journals[shard].hashAt(answer.sequence) === hash;
  }

  #compare({ number, commands }: ClientMessage, index: number, first: Answer, again: Answer): void {
    const isSameSide =
      first.wallet === null ||
      again.wallet === null ||
      (first.wallet.postedMinor === again.wallet.postedMinor && first.wallet.version === again.wallet.version);
    require("sameAnswer", first.code === again.code && first.sequence === again.sequence && isSameSide, () =>
      `command ${commands[index].id} of message ${number} was answered ${first.code} at ${first.sequence}, and now ${again.code} at ${again.sequence}`);
  }
}
