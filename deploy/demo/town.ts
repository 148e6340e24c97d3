/** The town of the demo: who lives there, and what happens on a day, all of it from a seed. */

import { type InventedPerson, inventPerson } from "./invented-person.ts";
import { randomFrom } from "./random.ts";

/** One thing that happens. People and shops are numbers from 0 on; amounts are in minor units. */
export type Happening =
  | { readonly type: "transfer"; readonly from: number; readonly to: number; readonly amountMinor: number }
  | {
      readonly type: "payment";
      readonly payer: number;
      readonly shop: number;
      readonly amountMinor: number;
      /** A courier gets a part. */
      readonly isDelivered: boolean;
      /** What becomes of it once it is authorised. */
      readonly end: "captured" | "captured in part" | "voided" | "refunded";
    }
  | { readonly type: "claim"; readonly person: number; readonly shop: number; readonly totalMinor: number }
  | {
      readonly type: "top-up";
      readonly person: number;
      readonly amountMinor: number;
      readonly provider: "fawry" | "paymob";
      /** Some never come to pay. */
      readonly isPaid: boolean;
    }
  | { readonly type: "payout"; readonly person: number; readonly amountMinor: number };

export interface Town {
  readonly people: number;
  readonly shops: number;
}

/** One shop for eight people, and one at least. */
export function townOf(people: number): Town {
  return { people, shops: Math.max(1, Math.round(people / 8)) };
}

/** Who lives there: the same for the same seed. */
export function inhabitants({ people }: Town, seed: number): readonly InventedPerson[] {
  const random = randomFrom(seed);
  return Array.from({ length: people }, () => inventPerson(random));
}

/** What happens, without end: the same for the same seed and town. Of a hundred 66 are transfers, 20 payments, 9 claims, 3 top-ups, 2 payouts. */
export function* happenings({ people, shops }: Town, seed: number): Generator<Happening, never> {
  const random = randomFrom(seed);
  const below = (count: number): number => Math.floor(random() * count);
  for (;;) {
    const kind = random();
    const person = below(people);
    if (kind < 0.66) {
      const to = (person + 1 + below(people - 1)) % people;
      yield { type: "transfer", from: person, to, amountMinor: 100 + below(20_000) };
    } else if (kind < 0.86) {
      const fate = random();
      const end = fate < 0.75 ? "captured" : fate < 0.85 ? "captured in part" : fate < 0.95 ? "refunded" : "voided";
      const isDelivered = random() < 0.3;
      yield { type: "payment", payer: person, shop: below(shops), amountMinor: 500 + below(50_000), isDelivered, end };
    } else if (kind < 0.95) {
      yield { type: "claim", person, shop: below(shops), totalMinor: 1_000 + below(30_000) };
    } else if (kind < 0.98) {
      const provider = random() < 0.6 ? "fawry" : "paymob";
      yield { type: "top-up", person, amountMinor: 5_000 + below(50_000), provider, isPaid: random() < 0.9 };
    } else {
      yield { type: "payout", person, amountMinor: 1_000 + below(40_000) };
    }
  }
}
