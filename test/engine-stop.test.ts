import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { JournalControl } from "../engine/journal/journal-control.ts";
import { startEngine } from "../engine/start-engine.ts";
import { loadConfig } from "../gateway/config.ts";

test("a stop leaves no reader behind that archiving would wait for", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "mizan-engine-"));
  try {
    const options = loadConfig({ MIZAN_DATA_DIR: dataDir, MIZAN_SHARDS: "1" });
    const engine = await startEngine(options, { log: () => {}, onWake: () => {}, onFailure: () => {} });
    const control = new JournalControl(engine.journals[0].control ?? new SharedArrayBuffer(0));
    // Once the history thread has answered, it reads the journal too.
    await new Promise((done) => {
      const asked = { walletId: "", head: 0 };
      engine.history.ask(0, { type: "balanceAt", asked, sequence: 0 }, done);
    });
    expect(control.isLetGo(1)).toBe(false);
    await engine.stop();
    expect(control.isLetGo(1)).toBe(true);
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
});
