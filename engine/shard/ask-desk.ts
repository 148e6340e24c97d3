import { CODE, codeName } from "../../protocol/codes.ts";
import { RECORD } from "../../protocol/command-record.ts";
import { uuidBytes } from "../../protocol/ids.ts";
import { writeInt64 } from "../../protocol/int64.ts";
import type { AskAnswer, AskRequest, StepAnswer } from "../actor/messages.ts";
import type { FrameBuilder } from "../journal/frame.ts";
import { decideCreditLimits } from "../limits/limit-check.ts";
import type { Cause } from "../object/cause.ts";
import { ASKED, addObjectRecord, type ObjectRecord, pack } from "../object/object-record.ts";
import { askRecord } from "../saga/ask-record.ts";
import type { WalletAsk } from "../saga/saga.ts";
import { availableMinor, decideDestination } from "../wallet/decide.ts";
import { WALLET_FLAG } from "../wallet/wallet-columns.ts";
import { commandAmountMinor } from "./command-amount.ts";
import type { CommandExecutor } from "./command-executor.ts";
import { type RecordReader, unreadableCode } from "./record-reader.ts";
import type { ShardState } from "./shard-state.ts";

const NOBODY = new Uint32Array(4);
/** What a wallet of this shard says. */
type Said = Omit<StepAnswer, "shard">;

const AMOUNT = RECORD.amountMinor >>> 2;

/**
 * Executes what actors ask of the wallets of this shard, as commands of clients are: the same checks, the same records, and the
 * same answer to an id that comes again.
 */
export class AskDesk {
  readonly #state: ShardState;
  readonly #frame: FrameBuilder;
  readonly #records: RecordReader;
  readonly #executor: CommandExecutor;
  readonly #answer: (toShard: number, answer: AskAnswer) => void;

  constructor(
    state: ShardState,
    frame: FrameBuilder,
    records: RecordReader,
    executor: CommandExecutor,
    answer: (toShard: number, answer: AskAnswer) => void,
  ) {
    this.#state = state;
    this.#frame = frame;
    this.#records = records;
    this.#executor = executor;
    this.#answer = answer;
  }

  /** The frame has room for the largest command and this. **Units**: bytes. */
  static readonly recordBytesMax = 128;

  take(request: AskRequest, cause: Cause): void {
    const { actor, actorId, id } = request;
    // Whatever comes of it, in this frame or a later one, counts only where the actor's record does.
    if (cause.shard !== this.#state.shard) {
      const record: ObjectRecord = { aggregate: ASKED, id, code: "ok", events: [] };
      const sequence = this.#frame.nextSequence;
      addObjectRecord(this.#frame, pack(record), cause);
      this.#state.evolveObject(record, sequence, cause);
    }
    const said = this.#execute(request, cause.shard);
    if (said !== undefined) this.#answer(cause.shard, { actor, actorId, id, ...said });
  }

  /** Executes what an actor of this shard asks; undefined where the answer comes later, as a message. */
  executeHere(request: AskRequest): Said | undefined {
    return this.#execute(request, this.#state.shard);
  }

  #execute(request: AskRequest, forShard: number): Said | undefined {
    const { actor, actorId, id, ask } = request;
    const answer = (said: Said): void => this.#answer(forShard, { actor, actorId, id, ...said });
    const later = (): void => {
      const said = this.#decide(request, answer);
      if (said !== undefined) answer(said);
    };
    if (ask.operation === "CheckCredit") return this.#say(ask, this.#checkCredit(ask), ask.amountMinor);
    if (ask.operation === "SweepBalance" && this.#pulls(ask, later)) return undefined;
    return this.#decide(request, answer);
  }

  #say({ walletId }: WalletAsk, code: number, amountMinor: number): Said {
    const sequence = this.#frame.nextSequence - 1;
    const slot = this.#state.findWallet(walletId);
    const version = slot < 0 ? 0 : this.#state.wallets.version[slot];
    return { code: codeName(code), sequence, version, amountMinor };
  }

  #decide({ id, ask, actorId }: AskRequest, late: (said: Said) => void): Said | undefined {
    const executor = this.#executor;
    const bytes = askRecord(id, ask, actorId);
    const record = new Uint32Array(bytes.buffer);
    let { amountMinor } = ask;
    const say = (code: number): Said => this.#say(ask, code, amountMinor);
    const ownerId = ask.forOwnerId === null ? NOBODY : new Uint32Array(uuidBytes(ask.forOwnerId).buffer);
    executor.principal.assume(ask.forOwnerId === null, ownerId);
    executor.timeOrderedIds = false;
    executor.answerTo = (code) => late(say(code));
    let code: number = CODE.ok;
    if (ask.operation === "SweepBalance") {
      const swept = this.#sweptMinor(ask, record);
      if (typeof swept === "number") amountMinor = swept;
      else code = CODE[swept.code];
      writeInt64(record, AMOUNT, amountMinor);
    }
    executor.outcome.clear();
    if (code === CODE.ok) code = executor.execute(record, bytes, 0, bytes.byteLength);
    else if (code === CODE.insufficient_funds) executor.keepRejection(code, record, 0, bytes.byteLength);
    executor.answerTo = undefined;
    return executor.outcome.deferred ? undefined : say(code);
  }

  /** Whether the wallet would take an amount now. It may be another answer when it is asked again, and only the first one counts. */
  #checkCredit({ walletId, amountMinor, currency }: WalletAsk): number {
    const { wallets } = this.#state;
    const slot = this.#state.findWallet(walletId);
    if (slot < 0 || (wallets.flags[slot] & WALLET_FLAG.account) !== 0) return CODE.destination_not_found;
    if (wallets.currency[slot] !== currency) return CODE.currency_mismatch;
    const code = decideDestination(wallets, slot, amountMinor);
    return code === CODE.ok ? decideCreditLimits(wallets, slot, amountMinor) : code;
  }

  /** Whether the wallet is striped, and something happens when its stripes have sent home what they hold. */
  #pulls({ walletId }: WalletAsk, then: () => void): boolean {
    const { stripes } = this.#executor;
    const slot = this.#state.findWallet(walletId);
    return slot >= 0 && stripes.isStriped(slot) && stripes.pull(slot, then);
  }

  /**
   * What a sweep moves: what it moved, or was refused for, where it came before; else what is free, its overdraft aside. An amount
   * below the least is refused under the id like any other, so that an answer which comes late is still the only one.
   */
  #sweptMinor(
    { walletId, amountMinor: leastMinor }: WalletAsk,
    record: Uint32Array,
  ): number | { readonly code: "insufficient_funds" | ReturnType<typeof unreadableCode> } {
    const { wallets, ids } = this.#state;
    const known = ids.find(record, 0);
    if (known !== 0) {
      try {
        return commandAmountMinor(this.#state, this.#records, known) ?? leastMinor;
      } catch (error) {
        return { code: unreadableCode(error) };
      }
    }
    const slot = this.#state.findWallet(walletId);
    // The command itself is refused for these.
    if (slot < 0 || this.#executor.decideId(record, 0, false) !== CODE.ok) return leastMinor;
    const freeMinor = availableMinor(wallets, slot) - wallets.overdraftLimitMinor[slot];
    return freeMinor < leastMinor ? { code: "insufficient_funds" } : freeMinor;
  }
}
