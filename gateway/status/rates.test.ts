import { expect, test } from "vitest";
import { ADMIN_KEY } from "../../test/ledger-process.ts";
import { ReplicatedLedger } from "../../test/replicated-ledger.ts";
import { Rates } from "./rates.ts";

test("a rate is the average of the marks of the last seconds", async () => {
  const ledger = await ReplicatedLedger.start();
  try {
    const rates = new Rates(ledger.engine);
    expect(rates.of(0)).toEqual({ commands: 0, frames: 0, journalBytes: 0 });
    const before = ledger.engine.stats(0);
    rates.mark(1_000);
    const opened = await fetch(`${ledger.url}/api/v1/wallets`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${ADMIN_KEY}`,
        "content-type": "application/json",
        "idempotency-key": "open",
      },
      body: JSON.stringify({ ownerId: "01900000-0000-7000-8000-000000000001", currency: "EGP" }),
    });
    expect(opened.status).toBe(201);
    rates.mark(3_000);
    const { frames, journalBytes } = ledger.engine.stats(0);
    expect(rates.of(0)).toEqual({
      commands: 1 / 2,
      frames: (frames - before.frames) / 2,
      journalBytes: (journalBytes - before.journalBytes) / 2,
    });
    for (let second = 4; second < 20; second += 1) rates.mark(second * 1_000);
    expect(rates.of(0).commands).toBe(0);
  } finally {
    await ledger.stop();
  }
});
