/** Frames of commands on actors of a real ledger over real sockets: what they answer, and what they refuse. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { UuidV7 } from "../protocol/ids.ts";
import { ACTOR_COMMANDS_PER_FRAME_MAX, ACTOR_TEXT_BYTES_MAX } from "../protocol/limits.ts";
import { FRAME_TYPE } from "../protocol/wire-frame.ts";
import { ADMIN_KEY, LedgerProcess } from "../test/ledger-process.ts";
import { WireClient } from "../test/wire-client.ts";
import { openWallets } from "../test/writers.ts";
import { readRequestFrame } from "./binary-frames.ts";

const ids = new UuidV7();
const NOBODY = "01900000-0000-7000-8000-00000000dead";

let ledger: LedgerProcess;
let client: WireClient;
let payer: string;
let shop: string;
beforeAll(async () => {
  ledger = await LedgerProcess.create({ MIZAN_SHARDS: "2" });
  await ledger.start();
  [payer, shop] = await openWallets(ledger, ids);
  client = await WireClient.connect(ledger.port, ADMIN_KEY);
});
afterAll(async () => {
  client.close();
  await ledger.dispose();
});

function onPayment(actorId: string, command: object | string, id = ids.next()) {
  return { id, actor: "Payment", actorId, command };
}

function initiating(amountMinor: number): object {
  const facts = { payerWalletId: payer, merchantWalletId: shop, amountMinor, currency: "EGP" };
  return { type: "InitiatePayment", ...facts };
}

describe("a frame of commands on actors", () => {
  test("is answered by a result for each, with states where they are asked for, and again under its ids", async () => {
    const payments = Array.from({ length: 100 }, () => ids.next());
    const initiated = payments.map((id, index) => onPayment(id, initiating(index + 1)));
    const first = await client.actorCommands(initiated);
    expect(first).toEqual(
      first.map(({ position }) => ({ code: "ok", replayed: false, position, version: 1, state: null })),
    );
    expect(new Set(first.map(({ position }) => position)).size).toBe(100);
    const authorized = await client.actorCommands(
      payments.map((id) => onPayment(id, { type: "AuthorizePayment" })),
      true,
    );
    for (const [index, { code, state }] of authorized.entries()) {
      expect({ code, state }).toMatchObject({ code: "ok", state: { status: "AUTHORIZED", amountMinor: index + 1 } });
    }
    const again = await client.actorCommands(initiated, true);
    expect(again).toMatchObject(
      first.map(({ position }) => ({ code: "ok", replayed: true, position, state: { status: "AUTHORIZED" } })),
    );
  });

  test("executes those on one actor in their order", async () => {
    const id = ids.next();
    const results = await client.actorCommands([
      onPayment(id, initiating(9)),
      onPayment(id, { type: "FailPayment", reason: "abandoned" }),
      onPayment(id, { type: "FailPayment", reason: "abandoned" }),
    ]);
    expect(results.map(({ code }) => code)).toEqual(["ok", "ok", "payment_status_conflict"]);
    expect(results.map(({ version }) => version)).toEqual([1, 2, 0]);
  });

  test("goes beside a frame of transfers", async () => {
    const id = ids.next();
    const transfer = { operation: "Transfer", id: ids.next(), walletId: payer, counterpartyId: shop } as const;
    const [transfers, payments] = await Promise.all([
      client.commands([{ ...transfer, amountMinor: 4 }]),
      client.actorCommands([onPayment(id, initiating(5))]),
    ]);
    expect([...transfers, ...payments].map(({ code }) => code)).toEqual(["ok", "ok"]);
  });

  test("refuses each command for itself", async () => {
    const right = onPayment(ids.next(), initiating(5));
    const results = await client.actorCommands([
      { ...right, actor: "Pigeon" },
      onPayment(NOBODY, "{"),
      onPayment(NOBODY, { type: "FlyPayment" }),
      onPayment(NOBODY, { type: "CapturePayment", amountMinor: 0 }),
      onPayment(NOBODY, { type: "CapturePayment", amountMinor: "1" }),
      onPayment(NOBODY, { type: "VoidPayment" }),
      onPayment(NOBODY, " ".repeat(ACTOR_TEXT_BYTES_MAX + 1)),
      onPayment(NOBODY, { type: "VoidPayment" }, "00000000-0000-0000-0000-000000000000"),
      right,
    ]);
    expect(results.map(({ code }) => code)).toEqual([
      "unknown_operation",
      "malformed_json",
      "unknown_operation",
      "amount_invalid",
      "invalid_request",
      "payment_not_found",
      "message_too_large",
      "id_required",
      "ok",
    ]);
  });
});

describe("a frame is refused as a whole", () => {
  function frame(count: number, record: Buffer, flags = 0): Uint8Array {
    const bytes = Buffer.alloc(32 + record.byteLength);
    bytes.writeUInt32LE(bytes.byteLength, 0);
    bytes[4] = FRAME_TYPE.ActorCommands;
    bytes[5] = flags;
    bytes.writeUInt32LE(1, 8);
    bytes.writeUInt32LE(count, 12);
    record.copy(bytes, 32);
    return bytes;
  }
  const record = (textBytes: number, bytes: number, reserved = 0): Buffer => {
    const written = Buffer.alloc(bytes);
    written.writeUInt32LE(textBytes, 48);
    written[52] = reserved;
    return written;
  };

  test.each([
    ["no command", frame(0, Buffer.alloc(0)), "invalid_request"],
    ["more than it counts", frame(1, Buffer.concat([record(0, 64), record(0, 64)])), "invalid_request"],
    ["fewer than it counts", frame(2, record(0, 64)), "invalid_request"],
    ["half a record", frame(1, record(0, 56)), "invalid_request"],
    ["a text that is longer than the frame", frame(1, record(9, 72)), "invalid_request"],
    ["a text of four billion bytes", frame(1, record(0xffff_ffff, 72)), "invalid_request"],
    ["something in what is reserved", frame(1, record(0, 64, 1)), "invalid_request"],
    ["something behind its text", frame(1, Buffer.concat([record(2, 64), Buffer.from("{}.     ")])), "invalid_request"],
    ["the flag of traces", frame(1, record(0, 64), 2), "invalid_request"],
    ["too many", frame(ACTOR_COMMANDS_PER_FRAME_MAX + 1, record(0, 64)), "too_many_commands"],
  ])("with %s", (_, bytes, code) => {
    expect(readRequestFrame(bytes, 0)?.code).toBe(code);
  });
});
