import type { ActorCommand } from "../../client/index.ts";
import { CURRENCY, forEach, type Ledger } from "./ledger.ts";

/** A refund may come before the next sale. */
const OVERDRAFT_MINOR = 10_000_000;
const REPORTS_AT_ONCE = 16;

/** One shop: a merchant, the wallet that its payments go to, and its own, which gets the rest. */
interface Shop {
  readonly merchantId: string;
  readonly ownerId: string;
  readonly tillId: string;
  readonly ownWalletId: string;
}

/** The shops of a town: registered merchants that pay a fee, and are paid out in batches. */
export class Shops {
  readonly all: readonly Shop[];
  /** Brings what is bought, for a part of the price. */
  readonly courierWalletId: string;
  readonly #ledger: Ledger;
  readonly #feeWalletId: string;

  constructor(ledger: Ledger, count: number) {
    const { ids } = ledger;
    this.#ledger = ledger;
    this.courierWalletId = ids.next();
    this.#feeWalletId = ids.next();
    this.all = Array.from({ length: count }, () => ({
      merchantId: ids.next(),
      ownerId: ids.next(),
      tillId: ids.next(),
      ownWalletId: ids.next(),
    }));
  }

  /** Opens the wallets and registers the merchants. **Errors**: throws where one is refused. */
  async open(): Promise<void> {
    const { ids } = this.#ledger;
    const walletType = "merchant";
    await this.#ledger.openWallets([
      { walletId: this.courierWalletId, ownerId: ids.next(), walletType },
      { walletId: this.#feeWalletId, ownerId: ids.next(), walletType: "system" },
      ...this.all.flatMap(({ ownerId, tillId, ownWalletId }) => [
        { walletId: tillId, ownerId, walletType, overdraftLimitMinor: OVERDRAFT_MINOR } as const,
        { walletId: ownWalletId, ownerId, walletType } as const,
      ]),
    ]);
    const fee = { walletId: this.#feeWalletId, fixedMinor: 100, basisPoints: 200 };
    const settlement = { every: "day", hour: 3, timeZone: "Africa/Cairo" };
    const commands = this.all.map(({ merchantId, ownerId, tillId, ownWalletId }, index): ActorCommand => {
      const wallets = { walletId: tillId, payoutWalletId: ownWalletId };
      const facts = { name: `Shop ${index + 1}`, ownerId, ...wallets, currency: CURRENCY, fee, settlement };
      const command = { type: "RegisterMerchant", ...facts };
      return { actor: "Merchant", actorId: merchantId, command };
    });
    await this.#ledger.mustTake(commands);
  }

  /** Closes the running batch of every merchant, which pays it out. Returns how many were closed. */
  async settle(): Promise<number> {
    const results = await this.#ledger.actors(
      this.all.map(({ merchantId }) => ({
        actor: "Merchant",
        actorId: merchantId,
        command: { type: "CloseBatch" },
      })),
    );
    return results.filter(({ ok }) => ok).length;
  }

  /** Of how many merchants the report on the newest batch adds up. */
  async balancedReports(): Promise<number> {
    const reports = await forEach(this.all, REPORTS_AT_ONCE, async ({ merchantId }) => {
      const path = `/merchants/${merchantId}/settlements`;
      const { json } = await this.#ledger.rest(path);
      const [newest] = json.settlements as readonly { readonly number: number }[];
      return newest === undefined ? undefined : this.#ledger.rest(`${path}/${newest.number}`);
    });
    return reports.filter((report) => report?.json.isBalanced === true).length;
  }
}
