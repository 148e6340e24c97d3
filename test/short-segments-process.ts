/** A ledger in a process of its own, with far shorter segments than may be set, so that a short run fills many of them. */

import { pino } from "pino";
import { loadConfig } from "../gateway/config.ts";
import { startServer } from "../gateway/server.ts";

const SEGMENT_BYTES = 1 << 20;

const log = pino({ level: "info", base: null }, pino.destination({ fd: 2, sync: true }));
const config = { ...loadConfig(process.env), journalSegmentBytes: SEGMENT_BYTES };
await startServer(config, log, (message) => {
  log.fatal({ code: "shard_stopped" }, message);
  process.exit(1);
});
