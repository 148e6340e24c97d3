import type { Problem } from "./problem.ts";
import type { OpenTransfer, ShardFacts } from "./verify-shard.ts";

/**
 * Compares the money on the transit accounts of all shards with the transfers that are open, at a consistent cut.
 *
 * Money is in transit from the debit on one shard to the credit on the other: a transfer counts unless it was credited, a
 * reversal only once it was taken. An exchange goes through the liquidity accounts instead.
 */
export function transitProblems(shards: readonly ShardFacts[]): Problem[] {
  const transit = new Map<string, bigint>();
  for (const { currency, transitMinor } of shards.flatMap(({ books }) => books)) {
    transit.set(currency, (transit.get(currency) ?? 0n) + BigInt(transitMinor));
  }
  const expected = new Map<string, bigint>();
  for (const transfer of shards.flatMap(({ openTransfers }) => openTransfers)) {
    const isCredited = shards[transfer.toShard].credited.includes(`${transfer.fromShard}:${transfer.number}`);
    if (!isInTransit(transfer, isCredited)) continue;
    expected.set(transfer.currency, (expected.get(transfer.currency) ?? 0n) + BigInt(transfer.amountMinor));
  }
  return [...transit].flatMap(([currency, minor]) => {
    const openMinor = expected.get(currency) ?? 0n;
    if (minor === openMinor) return [];
    return [
      { problem: `${minor} is in transit between shards in ${currency}, but the open transfers come to ${openMinor}` },
    ];
  });
}

function isInTransit({ operation }: OpenTransfer, isCredited: boolean): boolean {
  if (operation === "ExchangeCurrency") return false;
  return operation === "ReverseTransfer" ? isCredited : !isCredited;
}
