import { OPERATION, RECORD_OPTION } from "../../protocol/command-record.ts";
import type { WalletLimits } from "../../protocol/wallet-limits.ts";
import { command, extension, idTimeMs, type LedgerCommand, NIL_ID, timedId, untimedId } from "../ledger-command.ts";
import { EGP, OWNERS, USD, WINDOW_MS, walletsOf } from "../program-wallets.ts";
import { accountId } from "../reference-books.ts";
import type { World } from "./world.ts";

const WEIGHTS = {
  Transfer: 24,
  Credit: 5,
  Debit: 3,
  CreateWallet: 2,
  ActivateWallet: 3,
  FreezeWallet: 2,
  UnfreezeWallet: 4,
  CloseWallet: 1,
  SetOverdraftLimit: 2,
  PlaceHold: 8,
  CaptureHold: 8,
  VoidHold: 3,
  ReverseTransfer: 6,
  ExchangeCurrency: 3,
  SetWalletLimits: 8,
  SetTypeLimits: 3,
  StripeWallet: 1,
} as const satisfies Partial<Record<keyof typeof OPERATION, number>>;

const WITHOUT_LIMITS = { ...WEIGHTS, SetWalletLimits: 0, SetTypeLimits: 0 };

const MOVEMENTS: readonly number[] = [OPERATION.Transfer, OPERATION.Credit, OPERATION.Debit, OPERATION.CaptureHold];

/** What clients think of sending: commands that meet on few wallets, and now and then an id that is old or was used. */
export class Workload {
  readonly #world: World;
  readonly #planned: LedgerCommand[] = [];
  readonly #weights: typeof WEIGHTS | typeof WITHOUT_LIMITS;
  #ids = 0;

  constructor(world: World) {
    this.#world = world;
    this.#weights = world.hasLimits ? WEIGHTS : WITHOUT_LIMITS;
  }

  /** A command with an id of its own. */
  command(fields: Partial<LedgerCommand> & Pick<LedgerCommand, "operation" | "walletId">): LedgerCommand {
    return command({ id: this.#newId(this.#world.host.wallMs), ...fields });
  }

  /** A command for a wallet of a shard. */
  plan(shard: number): LedgerCommand {
    const { random, host } = this.#world;
    const planned = this.#fresh(shard);
    this.#planned.push(planned);
    if (random.chance(0.05)) {
      return { ...planned, id: this.#newId(host.wallMs - WINDOW_MS + random.between(-2_000, 2_000)) };
    }
    const earlier = this.#planned.filter(({ walletId }) => walletId === planned.walletId);
    const used = random.pick(earlier).id;
    return random.chance(0.04) ? { ...planned, id: used, amountMinor: planned.amountMinor + 100n } : planned;
  }

  #fresh(shard: number): LedgerCommand {
    const { random, reference, shop, shards } = this.#world;
    const wallets = this.#walletsOf(shard);
    const walletId = random.chance(0.85) ? random.pick(wallets.slice(0, 2)) : wallets[2];
    const wallet = reference.wallets(shard).find(({ id }) => id === walletId);
    const heldAt = walletId === shop ? shards : [shard];
    const balances = heldAt.map((at) => reference.wallets(at).find(({ id }) => id === walletId)?.postedMinor ?? 0n);
    const totalMinor = balances.reduce((sum, balance) => sum + balance, 0n);
    const whole = totalMinor > 0n ? totalMinor : 1n;
    const amountMinor = random.chance(walletId === shop ? 0.3 : 0.1) ? whole : BigInt(random.between(1, 60));
    const said = {
      reference: untimedId(0xc1),
      expectedVersion: random.chance(0.7) ? 0n : (wallet?.version ?? 1n),
      metadata: random.chance(0.5) ? "" : '{"order":1}',
    };
    const operation = OPERATION[random.weighted(this.#weights)];
    const plain = this.command({ operation, walletId, amountMinor });
    const extended = { ...plain, extension: extension(said) };
    switch (operation) {
      case OPERATION.CreateWallet:
        return {
          ...plain,
          amountMinor: 0n,
          counterpartyId: random.pick(OWNERS),
          currency: this.#currency(),
          walletType: 1,
        };
      case OPERATION.Transfer:
        return { ...(random.chance(0.2) ? extended : plain), counterpartyId: this.#anyWallet() };
      case OPERATION.PlaceHold: {
        const counterpartyId = random.chance(0.4) ? this.#anyWallet() : NIL_ID;
        return { ...plain, counterpartyId, extension: extension({ expiresAtMs: this.#expiry() }) };
      }
      case OPERATION.CaptureHold:
      case OPERATION.VoidHold:
        return this.#onHold(plain, shard);
      case OPERATION.ReverseTransfer:
        return this.#reversal(plain, shard);
      case OPERATION.ExchangeCurrency: {
        const rate = { numerator: BigInt(random.between(1, 50)), denominator: BigInt(random.between(1, 50)) };
        const expiresAtMs = this.#expiry() + 1_000n;
        return { ...plain, counterpartyId: this.#anyWallet(), extension: extension({ rate, expiresAtMs }) };
      }
      case OPERATION.SetWalletLimits:
        return { ...plain, amountMinor: 0n, extension: extension({ metadata: this.#limits() }) };
      case OPERATION.SetTypeLimits: {
        const account = { walletId: accountId(shard, EGP, "funding"), walletType: 1, amountMinor: 0n };
        return { ...plain, ...account, extension: extension({ metadata: this.#limits() }) };
      }
      default:
        return random.chance(0.2) ? extended : plain;
    }
  }

  /** A capture or the end of a hold: mostly one that is open, else one that was. */
  #onHold(plain: LedgerCommand, shard: number): LedgerCommand {
    const { random, reference } = this.#world;
    const open = reference.holds(shard);
    const placed = this.#planned.filter(({ operation }) => operation === OPERATION.PlaceHold);
    const isOpen = open.length > 0 && random.chance(0.8);
    if (!isOpen && placed.length === 0) return plain;
    const { id, walletId } = isOpen ? random.pick(open) : random.pick(placed);
    if (plain.operation === OPERATION.VoidHold) {
      return { ...plain, walletId, amountMinor: 0n, extension: extension({ targetId: id }) };
    }
    const options = random.chance(0.3) ? RECORD_OPTION.final : 0;
    return {
      ...plain,
      walletId,
      amountMinor: random.pick([0n, plain.amountMinor, BigInt(random.between(1, 20))]),
      counterpartyId: random.chance(0.4) ? NIL_ID : this.#anyWallet(),
      extension: extension({ targetId: id, options }),
    };
  }

  /** The reversal of something that was sent before. */
  #reversal(plain: LedgerCommand, shard: number): LedgerCommand {
    const { random, reference, host, sealedIds } = this.#world;
    const own = this.#walletsOf(shard);
    const sent = this.#planned.filter(
      ({ operation, walletId }) => MOVEMENTS.includes(operation) && own.includes(walletId),
    );
    const done = new Set(reference.movements(shard));
    const known = sent.filter(
      ({ id }) => done.has(id) && (sealedIds !== undefined || idTimeMs(id) > host.wallMs - WINDOW_MS),
    );
    // Few, so that the same one is reversed several times, as long as its id is remembered.
    const targets = known.length > 0 && random.chance(0.8) ? known.slice(0, 2) : sent;
    if (targets.length === 0) return plain;
    const { id, walletId } = random.pick(targets);
    const amountMinor = random.pick([0n, plain.amountMinor, 1n, BigInt(random.between(1, 10))]);
    return { ...plain, walletId, amountMinor, extension: extension({ targetId: id }) };
  }

  /** Limits that some movements keep within and some do not, now and then none, and now and then nonsense. */
  #limits(): string {
    const { random } = this.#world;
    if (random.chance(0.2)) return random.pick(["{}", '{"debit":{}}', '{"debit":7}']);
    const some = <Value>(value: Value): Value | undefined => (random.chance(0.5) ? value : undefined);
    const side = (): WalletLimits["debit"] => ({
      perTransactionMinor: some(random.between(10, 60)),
      perDayMinor: some(random.between(20, 120)),
      perMonthMinor: some(random.between(30, 200)),
      count: some({ max: random.between(1, 3), windowMs: random.pick([1_000, 4_000, 20_000]) }),
    });
    return JSON.stringify({ debit: side(), credit: some(side()) });
  }

  #anyWallet(): string {
    const { random, shards, shop } = this.#world;
    if (shop !== undefined && random.chance(0.3)) return shop;
    const [first, second, third] = this.#walletsOf(random.pick(shards));
    return random.pick([first, second, first, second, third]);
  }

  #currency(): number {
    return this.#world.random.chance(0.8) ? EGP : USD;
  }

  /** A time to come at which nothing else expires. */
  #expiry(): bigint {
    const { random, host } = this.#world;
    const second = Math.floor(host.wallMs / 1_000) + random.pick([1, 2, 5, 20, 60]);
    return BigInt(second * 1_000 + (this.#ids % 1_000));
  }

  #walletsOf(shard: number): readonly string[] {
    return walletsOf(shard, this.#world.options.shardCount);
  }

  #newId(timeMs: number): string {
    this.#ids += 1;
    const id = timedId(timeMs, this.#ids);
    this.#world.noteId(id);
    return id;
  }
}
