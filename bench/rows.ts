import { measureActors } from "./actor-commands.ts";
import { measureEventLag, measureEventRate } from "./event-lag.ts";
import { measureBinaryPages, measureRestPages } from "./history-page.ts";
import { measureReplicatedLatency, measureReplicationOff, measureReplicationOn } from "./replication-commands.ts";
import { measureKafkaAlone, measureReplicatedJournal } from "./replication-journal.ts";
import { measureStandbyApply } from "./replication-standby.ts";
import { measureHandovers, measureKills } from "./replication-takeover.ts";
import type { RowName } from "./row-names.ts";
import type { Measurement } from "./row-result.ts";
import type { Run } from "./run.ts";
import { measureFanout } from "./stream-fanout.ts";
import { measureStriped } from "./striped-merchant.ts";
import { SHAPES } from "./workloads.ts";

interface Row {
  readonly unit: string;
  /** The row whose rate this one's is a share of. */
  readonly limitName: RowName | null;
  readonly measure: (run: Run) => Promise<Measurement>;
}

const TRANSFERS = "transfers/s";
const COMMANDS = "commands/s";

/** How each row is measured. */
export const ROWS: Readonly<Record<RowName, Row>> = {
  "core-apply": { unit: TRANSFERS, limitName: null, measure: (run) => run.core("core-apply") },
  "core-apply-limits": { unit: TRANSFERS, limitName: "core-apply", measure: (run) => run.core("core-apply-limits") },
  codecs: { unit: TRANSFERS, limitName: null, measure: (run) => run.core("codecs") },
  "limit-lmdb": { unit: TRANSFERS, limitName: null, measure: (run) => run.core("limit-lmdb") },
  "limit-lmdb-prepared": { unit: TRANSFERS, limitName: null, measure: (run) => run.core("limit-lmdb-prepared") },
  "journal-commit": {
    unit: TRANSFERS,
    limitName: "limit-lmdb-prepared",
    measure: (run) => run.core("journal-commit"),
  },
  "limit-echo-8190": { unit: TRANSFERS, limitName: null, measure: (run) => run.echoRow(SHAPES.batch) },
  "wire-binary-8190": { unit: TRANSFERS, limitName: "limit-lmdb", measure: (run) => run.ledgerRow(SHAPES.batch, 1) },
  "limit-echo-100": { unit: TRANSFERS, limitName: null, measure: (run) => run.echoRow(SHAPES.hundred) },
  "wire-binary-100": { unit: TRANSFERS, limitName: "limit-lmdb", measure: (run) => run.ledgerRow(SHAPES.hundred, 1) },
  "wire-binary-100-hot": {
    unit: TRANSFERS,
    limitName: "limit-lmdb",
    measure: (run) => run.ledgerRow(SHAPES.hundredHot, 1),
  },
  "limit-echo-1": { unit: TRANSFERS, limitName: null, measure: (run) => run.echoRow(SHAPES.single) },
  "wire-binary-1": { unit: TRANSFERS, limitName: "limit-echo-1", measure: (run) => run.ledgerRow(SHAPES.single, 1) },
  "limit-echo-json": { unit: TRANSFERS, limitName: null, measure: (run) => run.echoRow(SHAPES.json) },
  "wire-json-1": { unit: TRANSFERS, limitName: "limit-echo-json", measure: (run) => run.ledgerRow(SHAPES.json, 1) },
  "limit-echo-rest": { unit: TRANSFERS, limitName: null, measure: (run) => run.echoRow(SHAPES.rest) },
  "rest-1": { unit: TRANSFERS, limitName: "limit-echo-rest", measure: (run) => run.ledgerRow(SHAPES.rest, 1) },
  "open-loop-12500": { unit: TRANSFERS, limitName: null, measure: (run) => run.ledgerRow(SHAPES.scheduled, 1) },
  "stream-fanout": {
    unit: "deltas/s",
    limitName: null,
    measure: measureFanout,
  },
  "wire-binary-100-2shards": {
    unit: TRANSFERS,
    limitName: "limit-lmdb",
    measure: async (run) => ({
      ...(await run.ledgerRow(SHAPES.hundred, 2)),
      notes: ["every other transfer crosses shards"],
    }),
  },
  "wire-binary-100-striped": {
    unit: TRANSFERS,
    limitName: "wire-binary-100-2shards",
    measure: measureStriped,
  },
  "payments-100": {
    unit: COMMANDS,
    limitName: null,
    measure: (run) => measureActors(run, { transfers: 0, payments: 100, claims: 0 }),
  },
  "claims-100": {
    unit: "claims/s",
    limitName: null,
    measure: (run) => measureActors(run, { transfers: 0, payments: 0, claims: 100 }),
  },
  "mixed-100": {
    unit: COMMANDS,
    limitName: null,
    measure: (run) => measureActors(run, { transfers: 70, payments: 20, claims: 10 }),
  },
  "history-page": { unit: "pages/s", limitName: null, measure: measureRestPages },
  "history-page-binary": { unit: "pages/s", limitName: null, measure: measureBinaryPages },
  "events-lag-12500": { unit: TRANSFERS, limitName: null, measure: measureEventLag },
  "events-rate": { unit: TRANSFERS, limitName: null, measure: measureEventRate },
  "limit-kafka": { unit: TRANSFERS, limitName: null, measure: measureKafkaAlone },
  "replicated-journal": { unit: TRANSFERS, limitName: "limit-kafka", measure: measureReplicatedJournal },
  "replication-off": { unit: TRANSFERS, limitName: null, measure: measureReplicationOff },
  "replication-on": { unit: TRANSFERS, limitName: "replication-off", measure: measureReplicationOn },
  "replicated-12500": { unit: TRANSFERS, limitName: null, measure: measureReplicatedLatency },
  "standby-apply": { unit: TRANSFERS, limitName: null, measure: measureStandbyApply },
  "takeover-planned": { unit: TRANSFERS, limitName: null, measure: measureHandovers },
  "takeover-killed": { unit: TRANSFERS, limitName: null, measure: measureKills },
};
