import { Cards } from "./cards.ts";
import type { Ledger } from "./ledger.ts";
import { People } from "./people.ts";
import type { SandboxProcess } from "./sandbox-process.ts";
import { Shops } from "./shops.ts";
import { Tills } from "./tills.ts";
import { inhabitants, type Town } from "./town.ts";

/** A town that is on a ledger. */
export interface FoundedTown {
  readonly people: People;
  /** Whether the ledger knows who they are. */
  readonly areNamed: boolean;
  readonly cards: Cards;
  readonly shops: Shops;
  /** Where the ledger has the sandbox provider. */
  readonly tills: Tills | undefined;
}

/** Puts a town on a ledger, with everybody in it. **Errors**: throws where something is refused. */
export async function found(ledger: Ledger, town: Town, seed: number, sandbox?: SandboxProcess): Promise<FoundedTown> {
  const people = new People(ledger, inhabitants(town, seed));
  await people.open();
  const areNamed = await people.register();
  const cards = new Cards(ledger, people);
  await cards.open();
  const shops = new Shops(ledger, town.shops);
  await shops.open();
  const tills = sandbox && new Tills(ledger, people, sandbox);
  await tills?.open();
  return { people, areNamed, cards, shops, tills };
}
