import type { InventedPerson } from "./invented-person.ts";
import { forEach, type Ledger } from "./ledger.ts";

const OPENING_MINOR = 10_000_000;
const REGISTERED_AT_ONCE = 16;

interface Person {
  /** Owns the wallet, and holds the card. */
  readonly id: string;
  readonly walletId: string;
  readonly facts: InventedPerson;
}

/** The people of a town: each has a wallet, and is known by name where the ledger keeps personal data. */
export class People {
  readonly all: readonly Person[];
  readonly #ledger: Ledger;

  constructor(ledger: Ledger, facts: readonly InventedPerson[]) {
    const { ids } = ledger;
    this.#ledger = ledger;
    this.all = facts.map((one) => ({ id: ids.next(), walletId: ids.next(), facts: one }));
  }

  /** Opens the wallets. **Errors**: throws where one is refused. */
  async open(): Promise<void> {
    const wallets = this.all.map(
      ({ id, walletId }) => ({ walletId, ownerId: id, walletType: "customer", openingMinor: OPENING_MINOR }) as const,
    );
    await this.#ledger.openWallets(wallets);
  }

  /**
   * Registers everybody; false where the ledger keeps no personal data.
   *
   * **Errors**: throws where somebody is refused for another reason.
   */
  async register(): Promise<boolean> {
    const [first, ...others] = this.all;
    if (!(await this.#register(first))) return false;
    await forEach(others, REGISTERED_AT_ONCE, (person) => this.#register(person));
    return true;
  }

  async #register({ id, facts }: Person): Promise<boolean> {
    const { ok, json } = await this.#ledger.rest("/people", { id, ...facts });
    if (!ok && json.code !== "personal_data_disabled") throw new Error(`a person was refused: ${json.code}`);
    return ok;
  }
}
