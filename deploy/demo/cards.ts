import type { ActorCommand } from "../../client/index.ts";
import { CURRENCY, type Ledger } from "./ledger.ts";
import type { People } from "./people.ts";

const INSURER_MINOR = 1_000_000_000;
const YEAR_MS = 366 * 86_400_000;
const TIERS = ["BRONZE", "SILVER", "GOLD"] as const;

/** The medical cards of a town: everybody has one, and one insurer pays what they cover. */
export class Cards {
  /** By their holders' numbers. */
  readonly all: readonly string[];
  readonly #ledger: Ledger;
  readonly #people: People;

  constructor(ledger: Ledger, people: People) {
    this.#ledger = ledger;
    this.#people = people;
    this.all = people.all.map(() => ledger.ids.next());
  }

  /** Opens the insurer's wallets, and issues and activates the cards. **Errors**: throws where one is refused. */
  async open(): Promise<void> {
    const { ids } = this.#ledger;
    const insurer = { walletId: ids.next(), ownerId: ids.next(), walletType: "system" } as const;
    const clearing = this.all.map(() => ({ ...insurer, walletId: ids.next() }));
    await this.#ledger.openWallets([{ ...insurer, openingMinor: INSURER_MINOR }, ...clearing]);
    const expiresAt = new Date(Date.now() + YEAR_MS).toISOString();
    const commands = this.all.flatMap((id, person) => {
      const { id: holderId, walletId: holderWalletId } = this.#people.all[person];
      const wallets = {
        fundingWalletId: insurer.walletId,
        holderWalletId,
        clearingWalletId: clearing[person].walletId,
      };
      const facts = { holderId, tier: TIERS[person % TIERS.length], currency: CURRENCY, ...wallets, expiresAt };
      return [onCard(id, { type: "IssueCard", ...facts }), onCard(id, { type: "ActivateCard" })];
    });
    await this.#ledger.mustTake(commands);
  }
}

export function onCard(actorId: string, command: ActorCommand["command"]): ActorCommand {
  return { actor: "MedCard", actorId, command };
}
