/** An acknowledgement means durable: watched from outside, in the system calls of the running ledger. */

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { UuidV7 } from "../protocol/ids.ts";
import { ADMIN_KEY, LedgerProcess } from "./ledger-process.ts";
import { checkTrace, readTrace } from "./sync-trace.ts";
import { WireClient } from "./wire-client.ts";
import { openWallets } from "./writers.ts";

const MAIN = fileURLToPath(new URL("../gateway/main.ts", import.meta.url));
const REQUESTS = 40;
const REQUEST_BYTES_MIN = 96;
const canTrace = spawnSync("strace", ["-V"]).status === 0;

let ledger: LedgerProcess | undefined;
afterEach(async () => {
  await ledger?.dispose();
});

describe("durability", () => {
  test.skipIf(!canTrace)(
    `with strace: each of ${REQUESTS} transfers is synced after it came and before it is acknowledged`,
    { timeout: 60_000 },
    async () => {
      ledger = await LedgerProcess.create({ MIZAN_SHARDS: "1", MIZAN_HEARTBEAT_INTERVAL_MS: "600000" });
      const traceFile = join(ledger.dataDir, "trace.txt");
      const calls = "trace=fdatasync,fsync,msync,recvfrom,recvmsg,sendto,sendmsg";
      await ledger.start(["strace", "-f", "-D", "-s", "0", "-e", calls, "-o", traceFile, process.execPath, MAIN]);
      const ids = new UuidV7();
      const [walletId, counterpartyId] = await openWallets(ledger, ids);
      const client = await WireClient.connect(ledger.port, ADMIN_KEY);
      await delay(300);
      const before = readFileSync(traceFile, "utf8").length;
      for (let request = 0; request < REQUESTS; request += 1) {
        const transfer = { operation: "Transfer", id: ids.next(), walletId, counterpartyId, amountMinor: 1 } as const;
        expect(await client.commands([transfer])).toMatchObject([{ code: "ok" }]);
        // Lets a sync that came too late be seen as such, and not be taken for that of the next request.
        await delay(10);
      }
      await delay(300);
      client.close();
      const trace = readFileSync(traceFile, "utf8").slice(before);
      expect(checkTrace(readTrace(trace, REQUEST_BYTES_MIN))).toEqual({ replies: REQUESTS, early: 0 });
    },
  );

  test("the reading of a trace tells an early acknowledgement from a durable one", () => {
    const durable = [
      "11 recvfrom(20, ..., 524288, 0, NULL, NULL) = 104",
      "12 fdatasync(30 <unfinished ...>",
      "11 recvfrom(20, ..., 524288, 0, NULL, NULL) = -1 EAGAIN (Resource temporarily unavailable)",
      "12 <... fdatasync resumed>)                 = 0",
      "11 sendto(20, ..., 50, MSG_NOSIGNAL, NULL, 0) = 50",
    ];
    const early = [durable[0], durable[1], durable[4], durable[3]];
    const failed = [durable[0], "12 fdatasync(30) = -1 EIO (Input/output error)", durable[4]];
    expect(checkTrace(readTrace(durable.join("\n"), REQUEST_BYTES_MIN))).toEqual({ replies: 1, early: 0 });
    expect(checkTrace(readTrace(early.join("\n"), REQUEST_BYTES_MIN))).toEqual({ replies: 1, early: 1 });
    expect(checkTrace(readTrace(failed.join("\n"), REQUEST_BYTES_MIN))).toEqual({ replies: 1, early: 1 });
  });
});
