import type { Client, Profile } from "../profiles/profile.ts";
import type { Stretch } from "./schedule.ts";

/** The messages a second of one client in one of the profile's generators, stage by stage. */
export function stretchesOf(profile: Profile, client: Client): Stretch[] {
  const shares = profile.clients.reduce((sum, { share }) => sum + share, 0);
  return commandStretches(profile, client.share / shares / profile.generators / client.commandsPerMessage);
}

/** The profile's commands a second, stage by stage, times a factor. */
export function commandStretches({ stages }: Profile, factor = 1): Stretch[] {
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
