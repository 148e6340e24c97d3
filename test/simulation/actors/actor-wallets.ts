import { untimedId } from "../../ledger-command.ts";

/** The owners: a merchant who issues cards too, and somebody who pays and claims. */
export const MERCHANT_ID = untimedId(0xa1);
export const PERSON_ID = untimedId(0xa2);

function wallets(first: number, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => untimedId(first + index));
}

/** Few wallets, so that everything meets on them; their ids lie on whichever shards. */
export const WALLETS = {
  /** Pay, and pay copayments. */
  payers: wallets(0xb100, 2),
  /** Sell, and are pharmacies. */
  shops: wallets(0xb200, 2),
  fees: wallets(0xb300, 2),
  fundings: wallets(0xb400, 2),
  clearings: wallets(0xb500, 2),
  /** Of registered merchants, and of nothing else. */
  merchants: wallets(0xb600, 2),
  banks: wallets(0xb700, 2),
  /** Have parts in payments. */
  partners: wallets(0xb800, 2),
  /** What providers have to settle. */
  providers: wallets(0xb900, 2),
} as const;

export const OPENING_MINOR = 600;

/** Wallets that begin with money. */
export const FUNDED: readonly string[] = [
  ...WALLETS.payers,
  ...WALLETS.fundings,
  ...WALLETS.merchants,
  ...WALLETS.providers,
];

export const ALL_WALLETS: readonly string[] = Object.values(WALLETS).flat();

export function ownerOf(walletId: string): string {
  return WALLETS.payers.includes(walletId) ? PERSON_ID : MERCHANT_ID;
}
