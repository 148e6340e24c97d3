/** The rows of a run, in the order they run: each limit shortly before what is measured against it. */
export const ROW_NAMES = [
  "core-apply",
  "core-apply-limits",
  "codecs",
  "limit-lmdb",
  "limit-lmdb-prepared",
  "journal-commit",
  "limit-echo-8190",
  "wire-binary-8190",
  "limit-echo-100",
  "wire-binary-100",
  "wire-binary-100-hot",
  "limit-echo-1",
  "wire-binary-1",
  "limit-echo-json",
  "wire-json-1",
  "limit-echo-rest",
  "rest-1",
  "open-loop-12500",
  "stream-fanout",
  "wire-binary-100-2shards",
  "wire-binary-100-striped",
  "payments-100",
  "claims-100",
  "mixed-100",
  "history-page",
  "history-page-binary",
  "events-lag-12500",
  "events-rate",
  "limit-kafka",
  "replicated-journal",
  "replication-off",
  "replication-on",
  "replicated-12500",
  "standby-apply",
  "takeover-planned",
  "takeover-killed",
] as const;
export type RowName = (typeof ROW_NAMES)[number];

export function isRowName(name: string): name is RowName {
  return (ROW_NAMES as readonly string[]).includes(name);
}
