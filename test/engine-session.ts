import { OPERATION } from "../protocol/command-record.ts";
import { shardOfUuid } from "../protocol/ids.ts";
import type { Caller, Reply, WalletView } from "./driven-ledger.ts";
import { EngineHarness, type HarnessJournal, type HarnessOptions } from "./engine-harness.ts";
import { type Answer, command, type LedgerCommand, NIL_ID, timedId, untimedId } from "./ledger-command.ts";

export const EGP = 818;
export const USD = 840;
export const ADMIN: Caller = { role: "admin", ownerId: NIL_ID };
export const OWNER_ID = untimedId(0xa1);
export const MERCHANT: Caller = { role: "merchant", ownerId: OWNER_ID };
export const STRANGER: Caller = { role: "user", ownerId: untimedId(0xa2) };

const BASE_MS = 1_700_000_000_000;

interface Sending {
  readonly caller?: Caller;
  readonly details?: boolean;
  readonly timeOrderedIds?: boolean;
}

/** Talks to the engine in its harness a message at a time, for tests that tell a story. */
export class EngineSession {
  readonly engine: EngineHarness;
  nowMs = BASE_MS;
  readonly #shardCount: number;
  #number = 0;

  constructor(shardCount: number, options: Partial<HarnessOptions> = {}, journals?: readonly HarnessJournal[]) {
    this.#shardCount = shardCount;
    const defaults: HarnessOptions = {
      shardCount,
      nowMs: () => this.nowMs,
      idempotencyWindowMs: 60_000,
      idFutureSkewMs: 5_000,
      openTransfersMax: 100,
      walletsPerShardMax: 4_096,
      holdsPerShardMax: 1_024,
      idempotencyIdsMax: 100_000,
    };
    this.engine = new EngineHarness({ ...defaults, ...options }, journals);
  }

  nextId(): string {
    this.#number += 1;
    return timedId(this.nowMs, this.#number);
  }

  /** A wallet id that lies on a shard. */
  nextWalletId(shard: number): string {
    for (;;) {
      this.#number += 1;
      const id = untimedId(0xd_0000 + this.#number);
      if (shardOfUuid(id, this.#shardCount) === shard) return id;
    }
  }

  /** Sends one message and returns its answers, durable. */
  send(shard: number, commands: readonly LedgerCommand[], sending: Sending = {}): readonly Answer[] {
    this.#number += 1;
    const token = this.#number;
    const { caller = ADMIN, details = true, timeOrderedIds = false } = sending;
    this.engine.submit(shard, { token, caller, details, timeOrderedIds, commands });
    const reply = this.engine.flush(shard).find((one) => one.token === token);
    if (reply?.kind !== "results") throw new Error("the message was not answered");
    return reply.answers;
  }

  /** Sends one command to the shard of its wallet. */
  ask(one: Partial<LedgerCommand> & Pick<LedgerCommand, "operation" | "walletId">, sending: Sending = {}): Answer {
    const shard = shardOfUuid(one.walletId, this.#shardCount);
    return this.send(shard, [command({ id: this.nextId(), ...one })], sending)[0];
  }

  /** Sends commands in one message to the shard of the first one's wallet, and returns their codes. */
  run(
    commands: readonly (Partial<LedgerCommand> & Pick<LedgerCommand, "operation" | "walletId">)[],
  ): readonly string[] {
    const shard = shardOfUuid(commands[0].walletId, this.#shardCount);
    return this.send(
      shard,
      commands.map((one) => command({ id: this.nextId(), ...one })),
    ).map(({ code }) => code);
  }

  /** Opens an active wallet with a balance on a shard, and returns its id. */
  openWallet(
    shard: number,
    {
      balanceMinor = 0n,
      limitMinor = 0n,
      currency = EGP,
      ownerId = OWNER_ID,
      walletId = this.nextWalletId(shard),
    } = {},
  ): string {
    const commands = [
      command({
        id: this.nextId(),
        operation: OPERATION.CreateWallet,
        walletId,
        counterpartyId: ownerId,
        amountMinor: limitMinor,
        currency,
        walletType: 1,
      }),
      command({ id: this.nextId(), operation: OPERATION.ActivateWallet, walletId }),
    ];
    if (balanceMinor > 0n) {
      commands.push(command({ id: this.nextId(), operation: OPERATION.Credit, walletId, amountMinor: balanceMinor }));
    }
    const answers = this.send(shard, commands);
    const refused = answers.find(({ code }) => code !== "ok");
    if (refused !== undefined) throw new Error(`the wallet could not be opened: ${refused.code}`);
    return walletId;
  }

  wallet(id: string): WalletView {
    for (let shard = 0; shard < this.#shardCount; shard += 1) {
      const found = this.engine.wallets(shard).find((wallet) => wallet.id === id);
      if (found !== undefined) return found;
    }
    throw new Error(`there is no wallet ${id}`);
  }

  /** Delivers messages between the shards until none waits; returns what was answered meanwhile. */
  settle(): readonly Reply[] {
    const replies: Reply[] = [];
    for (let isBusy = true; isBusy; ) {
      isBusy = false;
      for (let from = 0; from < this.#shardCount; from += 1) {
        for (let to = 0; to < this.#shardCount; to += 1) isBusy = this.engine.deliver(from, to) || isBusy;
      }
      for (let shard = 0; shard < this.#shardCount; shard += 1) replies.push(...this.engine.flush(shard));
    }
    return replies;
  }
}
