import { unreachable } from "../../../protocol/unreachable.ts";
import { formatIn, PERCENT, shortNumber } from "../../plot/units.ts";
import type { Profile } from "../profile.ts";

/** What a load is made of, in words. */
export function profileFacts({ wallets, clients, mix, dashboards, ledger, suite }: Profile): [string, string][] {
  const shares = clients.reduce((sum, { share }) => sum + share, 0);
  const weights = Object.values(mix).reduce((sum, weight) => sum + weight, 0);
  const kinds = Object.entries(mix).filter(([, weight]) => weight > 0);
  const crossing =
    wallets.crossShardShare === undefined
      ? "between shards as chance has it"
      : `${formatIn(PERCENT, wallets.crossShardShare)} of the movements between shards`;
  return [
    ["commands", kinds.map(([kind, weight]) => `${formatIn(PERCENT, weight / weights)} ${kind}`).join(", ")],
    ...clients.map(({ transport, share, commandsPerMessage, inflightPerConnectionMax }): [string, string] => {
      const batch = commandsPerMessage === 1 ? "one command a message" : `${commandsPerMessage} commands a message`;
      const inflight = transport === "rest" ? "one" : `up to ${inflightPerConnectionMax}`;
      return [
        `${transport} clients`,
        `${formatIn(PERCENT, share / shares)} of the commands, ${batch}, ${inflight} in flight on each connection`,
      ];
    }),
    ["wallets", `${wallets.count.toLocaleString("en-US")}, ${pickFact(wallets.pick)}, ${crossing}`],
    [
      "dashboards",
      dashboards === undefined || dashboards.connections === 0
        ? "none"
        : `${dashboards.connections} at a time, ${dashboards.walletsEach} wallets each, for ${shortNumber(dashboards.staySeconds)} s on average`,
    ],
    ["shards of an own ledger", String(ledger.shards)],
    ["closed-loop suite", suite],
  ];
}

function pickFact(pick: Profile["wallets"]["pick"]): string {
  switch (pick.kind) {
    case "uniform":
      return "any as often as another";
    case "zipf":
      return `the nth in proportion to 1 / n^${pick.exponent}`;
    case "merchant":
      return `${formatIn(PERCENT, pick.share)} of the movements pay one of them`;
    default:
      return unreachable(pick);
  }
}
