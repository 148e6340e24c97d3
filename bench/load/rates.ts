import type { Client, Profile } from "../profiles/profile.ts";
import type { Stretch } from "./schedule.ts";

/** The messages a second of one client in one of the profile's generators, stage by stage. */
export function stretchesOf({ stages, clients, generators }: Profile, client: Client): Stretch[] {
  const shares = clients.reduce((sum, { share }) => sum + share, 0);
  const factor = client.share / shares / generators / client.commandsPerMessage;
  return stages.map(({ durationSeconds, ratePerSecond, ramp }, at) => {
    const before = at === 0 ? 0 : stages[at - 1].ratePerSecond;
    return {
      durationMs: durationSeconds * 1_000,
      fromRate: (ramp === "linear" ? before : ratePerSecond) * factor,
      toRate: ratePerSecond * factor,
    };
  });
}

/** The part of a number that falls to one of several processes: whole, at least one, and right in sum where it can be. */
export function partOf(total: number, process: number, processes: number): number {
  const before = Math.round((total * process) / processes);
  return Math.max(1, Math.round((total * (process + 1)) / processes) - before);
}
