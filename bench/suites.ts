import type { RowName } from "./row-names.ts";

/**
 * Rows that belong together: `npm run bench -- --suite NAME`, and what a load profile names as its closed-loop side.
 *
 * Each begins with rows that run under tinybench in one process, so that what the engine takes alone stands beside what
 * it takes over sockets.
 */
export const SUITES = {
  transfers: ["core-apply", "codecs", "limit-echo-1", "wire-binary-1", "open-loop-12500"],
  clients: ["core-apply", "codecs", "wire-binary-1", "wire-json-1", "rest-1"],
  shards: [
    "core-apply",
    "wire-binary-100",
    "wire-binary-100-hot",
    "wire-binary-100-2shards",
    "wire-binary-100-striped",
  ],
} as const satisfies Record<string, readonly RowName[]>;

export type SuiteName = keyof typeof SUITES;

export const SUITE_NAMES = Object.keys(SUITES) as [SuiteName, ...SuiteName[]];
