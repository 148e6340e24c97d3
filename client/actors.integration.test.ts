import "./actors.ts";

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { UuidV7 } from "../protocol/ids.ts";
import { ADMIN_KEY, LedgerProcess } from "../test/ledger-process.ts";
import { openWallets } from "../test/writers.ts";
import { Mizan } from "./index.ts";

const ids = new UuidV7();
let ledger: LedgerProcess;
let payer: string;
let shop: string;
beforeAll(async () => {
  ledger = await LedgerProcess.create({ MIZAN_SHARDS: "2" });
  await ledger.start();
  [payer, shop] = await openWallets(ledger, ids);
});
afterAll(() => ledger.dispose());

describe.each(["binary", "json"] as const)("over %s", (encoding) => {
  let mizan: Mizan;
  beforeAll(async () => {
    mizan = await Mizan.connect({ url: ledger.url, apiKey: ADMIN_KEY, encoding });
  });
  afterAll(() => mizan.close());

  const initiating = (amountMinor: number) => {
    const facts = { payerWalletId: payer, merchantWalletId: shop, amountMinor, currency: "EGP" } as const;
    return { type: "InitiatePayment", ...facts } as const;
  };

  test("a payment is initiated, authorised and captured; an id that comes again is answered again", async () => {
    const actorId = ids.next();
    const payment = mizan.actor("Payment", actorId);
    const commandId = ids.next();
    expect(await payment.send(initiating(300), { commandId })).toMatchObject({
      ok: true,
      commandId,
      actorId,
      version: 1,
    });
    await payment.send({ type: "AuthorizePayment" });
    const captured = await payment.send({ type: "CapturePayment", amountMinor: 300 });
    expect(captured).toMatchObject({ ok: true, position: expect.any(String), state: { status: "CAPTURED" } });
    const again = await payment.send(initiating(300), { commandId });
    expect(again).toMatchObject({ ok: true, replayed: true, state: { status: "CAPTURED" } });
    expect(await payment.send({ type: "VoidPayment" })).toMatchObject({ ok: false, code: "payment_status_conflict" });
  });

  test("many go in one message, and what cannot be sent is refused as the ledger would", async () => {
    const results = await mizan.actors([
      ...Array.from({ length: 50 }, (_, index) => ({
        actor: "Payment",
        actorId: ids.next(),
        command: initiating(index + 1),
      })),
      { actor: "Payment", actorId: "me", command: { type: "VoidPayment" } },
      { actor: "A type of too long a name", actorId: payer, command: { type: "VoidPayment" } },
    ]);
    expect(results.slice(0, 50).map(({ ok }) => ok)).toEqual(new Array(50).fill(true));
    expect(results.slice(50).map((result) => !result.ok && result.code)).toEqual([
      "invalid_request",
      "unknown_operation",
    ]);
    const unknown = await mizan.actor("Pigeon", payer).send({ type: "Fly" });
    expect(unknown).toMatchObject({ ok: false, code: "unknown_operation", position: null });
    expect(await mizan.actors([])).toEqual([]);
    const tooMany = Array.from({ length: 1_025 }, () => ({ actor: "Payment", actorId: payer, command: initiating(1) }));
    await expect(mizan.actors(tooMany)).rejects.toMatchObject({ code: "too_many_commands" });
  });
});
