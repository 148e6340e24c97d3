/**
 * Keeps a table of balances up to date from the ledger's events, and prints each change.
 *
 * `node client/examples/balances.ts localhost:9092 [topic prefix]`
 */

import { EventConsumer } from "../events.ts";

const [broker = "localhost:9092", prefix = ""] = process.argv.slice(2);
const balances = new Map<
  string,
  { readonly version: number; readonly postedMinor: number; readonly currency: string }
>();

const consumer = await EventConsumer.start({
  kafka: { brokers: [broker] },
  // A group of its own for each run, since the table is in memory and begins empty.
  groupId: `balances-${process.pid}-${Date.now()}`,
  topics: [`${prefix}wallet-events`],
  handle: ({ type, data }) => {
    // A stripe is part of a striped wallet, with versions of its own; what it gathers shows when it comes home.
    if (type === "mizan.wallet.stripe_credited.v1" || type === "mizan.wallet.stripe_debited.v1") return;
    if (!("postedMinor" in data)) return;
    const { walletId, version, postedMinor, currency } = data;
    if (version <= (balances.get(walletId)?.version ?? 0)) return;
    balances.set(walletId, { version, postedMinor, currency });
    process.stdout.write(`${walletId} version ${version}: ${postedMinor} ${currency} (minor units)\n`);
  },
});

process.once("SIGINT", () => {
  void consumer.stop().then(() => process.stdout.write(`${balances.size} wallets\n`));
});
