/** Commands on actors over mizan.json.v1 of a real ledger: alone, in batches with transfers, wrong, and sent again. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { UuidV7 } from "../protocol/ids.ts";
import { JsonSocket } from "../test/json-socket.ts";
import { LedgerProcess } from "../test/ledger-process.ts";
import { openWallets } from "../test/writers.ts";

const ids = new UuidV7();
const NOBODY = "01900000-0000-7000-8000-00000000dead";

let ledger: LedgerProcess;
let socket: JsonSocket;
let payer: string;
let shop: string;
beforeAll(async () => {
  ledger = await LedgerProcess.create({ MIZAN_SHARDS: "2" });
  await ledger.start();
  [payer, shop] = await openWallets(ledger, ids);
  socket = await JsonSocket.open(ledger.url);
});
afterAll(async () => {
  socket.close();
  await ledger.dispose();
});

function onPayment(actorId: string, command: object, id = ids.next()): object {
  return { type: "ActorCommand", id, actor: "Payment", actorId, command };
}

function initiating(amountMinor = 500): object {
  const facts = { payerWalletId: payer, merchantWalletId: shop, amountMinor, currency: "EGP" };
  return { type: "InitiatePayment", ...facts };
}

describe("a command on an actor", () => {
  test("is answered with version, position and state, and again under its id", async () => {
    const paymentId = ids.next();
    const first = onPayment(paymentId, initiating());
    const initiated = await socket.ask(first);
    expect(initiated).toMatchObject({
      ok: true,
      result: {
        id: (first as { id: string }).id,
        actor: "Payment",
        actorId: paymentId,
        version: 1,
        position: expect.stringMatching(/^[01]:\d+$/),
        state: { status: "INITIATED", amountMinor: 500 },
      },
    });
    expect(await socket.ask(onPayment(paymentId, { type: "AuthorizePayment" }))).toMatchObject({
      result: { state: { status: "AUTHORIZED" } },
    });
    const again = await socket.ask(first);
    const { position } = initiated.result as { readonly position: string };
    // The state is that of now.
    expect(again).toMatchObject({ ok: true, replayed: true, result: { position, state: { status: "AUTHORIZED" } } });
    const other = await socket.ask({ ...first, command: initiating(501) });
    expect(other).toMatchObject({ ok: false, error: { code: "id_reused" } });
  });

  test("that is rejected has the code, and the position where it is kept", async () => {
    const refused = await socket.ask(onPayment(NOBODY, { type: "CapturePayment" }));
    expect(refused).toMatchObject({ ok: false, error: { code: "payment_not_found" }, position: expect.any(String) });
  });

  test.each([
    [{ actor: "Pigeon" }, "unknown_operation", "actor"],
    [{ actor: "Person", command: { type: "UpdatePerson", sealed: "AAAA" } }, "unknown_operation", "actor"],
    [{ command: { type: "FlyPayment" } }, "unknown_operation", "command.type"],
    [{ command: { type: "CapturePayment", amountMinor: 0 } }, "amount_invalid", "command.amountMinor"],
    [{ command: { type: "CapturePayment", wings: 2 } }, "invalid_request", "command.wings"],
    [{ actorId: "me" }, "invalid_request", "actorId"],
    [{ linked: true }, "invalid_request", "linked"],
  ])("with %j is %s", async (wrong, code, field) => {
    const answer = await socket.ask({ ...onPayment(NOBODY, { type: "CapturePayment" }), ...wrong });
    expect(answer).toMatchObject({ ok: false, error: { code, field } });
  });
});

describe("a batch", () => {
  test("holds commands on wallets and on actors, and answers them in its order", async () => {
    const paymentId = ids.next();
    const transfer = { type: "Transfer", fromWalletId: payer, toWalletId: shop, amountMinor: 3 };
    const { result } = await socket.ask({
      type: "Batch",
      commands: [
        onPayment(paymentId, initiating(7)),
        { ...transfer, id: ids.next() },
        onPayment(paymentId, { type: "FailPayment", reason: "abandoned" }),
        { ...transfer, id: ids.next(), amountMinor: 2 ** 50 },
        onPayment(NOBODY, { type: "VoidPayment" }),
      ],
    });
    expect((result as { readonly results: unknown }).results).toMatchObject([
      { ok: true, result: { actor: "Payment", version: 1 } },
      { ok: true, result: { status: "COMPLETED", amountMinor: 3 } },
      { ok: true, result: { version: 2, state: { status: "FAILED", reason: "abandoned" } } },
      { ok: false, error: { code: "insufficient_funds" } },
      { ok: false, error: { code: "payment_not_found" } },
    ]);
  });

  test("with a wrong command on an actor is refused as a whole, as is one that links to an actor", async () => {
    const debit = { type: "Debit", id: ids.next(), walletId: payer, amountMinor: 1 };
    const wrong = onPayment(NOBODY, { type: "FailPayment" });
    expect(await socket.ask({ type: "Batch", commands: [debit, wrong] })).toMatchObject({
      error: { code: "invalid_request", field: "commands.1.command.reason" },
    });
    const right = onPayment(NOBODY, { type: "VoidPayment" });
    const linked = { type: "Batch", commands: [{ ...debit, linked: true }, right] };
    expect(await socket.ask(linked)).toMatchObject({ error: { code: "linked_run_open" } });
  });
});
