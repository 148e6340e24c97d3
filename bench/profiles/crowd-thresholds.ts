import type { ConnectionsResult } from "../load/connections-result.ts";
import type { CrowdProfile } from "./crowd-profile.ts";

type Outcome = ConnectionsResult["thresholds"][number];

/** Judges every threshold of a crowd that is set. */
export function judgeCrowd(
  thresholds: CrowdProfile["thresholds"],
  found: Omit<ConnectionsResult, "thresholds">,
): Outcome[] {
  const { bytesPerConnection, bytesPerSubscription, walletsEach, storm } = found;
  const p99Of = (name: string): number | null =>
    found.commands.find((window) => window.name === name)?.latency?.p99Ms ?? null;
  const before = p99Of("before");
  const factorOf = (p99Ms: number | null): number | null => (p99Ms === null || before === null ? null : p99Ms / before);
  const values: Record<Outcome["name"], number | null> = {
    backSeconds: storm?.backSeconds ?? null,
    stormP99Factor: factorOf(p99Of("storm")),
    stormP99Ms: p99Of("storm"),
    hostileP99Factor: factorOf(p99Of("beside slow and silent ones")),
    bytesPerConnection:
      bytesPerConnection === null || bytesPerSubscription === null
        ? null
        : bytesPerConnection + walletsEach * bytesPerSubscription,
  };
  const outcomes: Outcome[] = [];
  for (const name of Object.keys(values) as Outcome["name"][]) {
    const limit = thresholds[name];
    if (limit === undefined) continue;
    const value = values[name];
    outcomes.push({ name, limit, value, passed: value !== null && value <= limit });
  }
  return outcomes;
}
