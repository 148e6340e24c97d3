/** `npm run bench:memory -- --wallets 10000000`: what wallets take in memory, and how long opening them holds a shard up. */

import { parseArgs } from "node:util";
import { WalletColumns } from "../engine/wallet/wallet-columns.ts";
import { WALLET_TYPE } from "../protocol/command-record.ts";

const { values } = parseArgs({
  options: { wallets: { type: "string", default: "10000000" }, json: { type: "boolean", default: false } },
});
const WALLETS = Number(values.wallets);
const BATCH = 1_000;
const EGP = 818;
/** Odd multipliers of 32 bits spread counters over all ids, each once. */
const SPREAD = 0x9e3779b1;

const before = process.memoryUsage().rss;
const wallets = new WalletColumns(0, 1 << 24);
// Lanes 0 to 3: the wallet's id; 4 to 7: its owner's.
const ids = new Uint32Array(8);
const pausesMs: number[] = [];
for (let first = 0; first < WALLETS; first += BATCH) {
  const startedMs = performance.now();
  for (let number = first; number < first + BATCH; number += 1) {
    ids[0] = Math.imul(number, SPREAD);
    ids[4] = Math.imul(number, SPREAD) ^ 0x5bd1e995;
    const slot = wallets.open(ids, 0, 4, EGP, WALLET_TYPE.customer, 0, number + 1);
    wallets.postedMinor[slot] = number;
    wallets.overdraftLimitMinor[slot] = number;
  }
  pausesMs.push(performance.now() - startedMs);
}
pausesMs.sort((a, b) => a - b);
const bytes = (process.memoryUsage().rss - before) / WALLETS;
const at = (share: number): string => pausesMs[Math.ceil(pausesMs.length * share) - 1].toFixed(2);
if (values.json) console.log(JSON.stringify({ wallets: WALLETS, bytesPerWallet: bytes }));
else {
  console.log(`${WALLETS} wallets, each with an owner of its own: ${bytes.toFixed(0)} bytes each`);
  console.log(`opening ${BATCH} took ${at(0.5)} ms, p99.9 ${at(0.999)} ms, at most ${at(1)} ms`);
}
