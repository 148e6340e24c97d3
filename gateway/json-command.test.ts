/** Commands in JSON become the records that the protocol's page describes, and result records the JSON of the answers. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CODE, CODES } from "../protocol/codes.ts";
import {
  countRecords,
  OPERATION,
  RECORD,
  RECORD_FLAG,
  recordBytesAt,
  WALLET_TYPE,
} from "../protocol/command-record.ts";
import { CURRENCY_CODES, currencyOf } from "../protocol/currencies.ts";
import { formatUuid } from "../protocol/ids.ts";
import { movementAnswer, transferAnswer } from "../protocol/json-answers.ts";
import { batchBody, type JsonCommand } from "../protocol/json-commands.ts";
import { AMOUNT_MINOR_MAX } from "../protocol/limits.ts";
import { RESULT, RESULT_DETAIL_BYTES, RESULT_FLAG } from "../protocol/result-record.ts";
import { derivedId, encodeCommands, readResult, resultFields } from "./json-command.ts";

const ID = "01900000-0000-7000-8000-000000000001";
const OTHER_ID = "01900000-0000-7000-8000-000000000002";

const amount = fc.oneof(
  fc.constantFrom(1, 2 ** 32 - 1, 2 ** 32, AMOUNT_MINOR_MAX),
  fc.integer({ min: 1, max: AMOUNT_MINOR_MAX }),
);
const limit = fc.oneof(fc.constant(0), amount);
const conditions = {
  linked: fc.boolean(),
  expectedVersion: amount,
  reference: fc.uuid(),
  metadata: fc.dictionary(fc.string({ maxLength: 8 }), fc.jsonValue({ maxDepth: 1 }), { maxKeys: 3 }),
};
const options = { requiredKeys: [] as [] };
const more = fc.record(conditions, options);
const currency = fc.constantFrom(...CURRENCY_CODES);
const body = fc.oneof(
  fc.record({ type: fc.constant("Transfer"), fromWalletId: fc.uuid(), toWalletId: fc.uuid(), amountMinor: amount }),
  fc.record({ type: fc.constantFrom("Credit", "Debit"), walletId: fc.uuid(), amountMinor: amount, currency }),
  fc.record({
    type: fc.constant("CreateWallet"),
    walletId: fc.uuid(),
    ownerId: fc.uuid(),
    currency,
    walletType: fc.constantFrom("customer", "merchant", "system"),
    overdraftLimitMinor: limit,
  }),
  fc.record({
    type: fc.constantFrom("ActivateWallet", "FreezeWallet", "UnfreezeWallet", "CloseWallet"),
    walletId: fc.uuid(),
  }),
  fc.record({ type: fc.constant("SetOverdraftLimit"), walletId: fc.uuid(), overdraftLimitMinor: limit }),
  fc.record({
    type: fc.constant("SetWalletLimits"),
    walletId: fc.uuid(),
    limits: fc.record({ debit: fc.record({ perDayMinor: limit }, options) }, options),
  }),
);
const command = fc.tuple(body, more, fc.uuid()).map(([fields, extra, id]) => ({ ...fields, ...extra, id }));

function parse(value: unknown): JsonCommand | undefined {
  const parsed = batchBody.safeParse({ commands: [value] });
  return parsed.data?.commands[0];
}

/** A record as the page on the protocol says it is to be read, by plain views and nothing of the encoder. */
function readRecord(record: Uint8Array): Record<string, unknown> {
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  const flags = view.getUint8(RECORD.flags);
  const isExtended = (flags & RECORD_FLAG.extended) !== 0;
  const metadataBytes = isExtended ? view.getUint16(RECORD.metadataBytes, true) : 0;
  return {
    id: formatUuid(record, RECORD.id),
    operation: view.getUint8(RECORD.operation),
    wallet: formatUuid(record, RECORD.wallet),
    counterparty: formatUuid(record, RECORD.counterparty),
    amountMinor: Number(view.getBigUint64(RECORD.amountMinor, true)),
    linked: (flags & RECORD_FLAG.linked) !== 0,
    currency: currencyOf(view.getUint16(RECORD.currency, true)),
    walletType: view.getUint8(RECORD.walletType),
    reference: isExtended ? formatUuid(record, RECORD.reference) : NIL_ID,
    expectedVersion: isExtended ? Number(view.getBigUint64(RECORD.expectedVersion, true)) : 0,
    metadata: Buffer.from(record.subarray(RECORD.metadata, RECORD.metadata + metadataBytes)).toString(),
  };
}

const NIL_ID = "00000000-0000-0000-0000-000000000000";

/** What a command's record must hold. */
function expectedRecord(command: JsonCommand): Record<string, unknown> {
  const fields: Readonly<Record<string, unknown>> = { ...command };
  return {
    id: command.id,
    operation: OPERATION[command.type],
    wallet: fields.fromWalletId ?? fields.walletId,
    counterparty: fields.toWalletId ?? fields.ownerId ?? NIL_ID,
    amountMinor: fields.amountMinor ?? fields.overdraftLimitMinor ?? 0,
    linked: command.linked ?? false,
    currency: fields.currency,
    walletType: command.type === "CreateWallet" ? WALLET_TYPE[command.walletType ?? "customer"] : 0,
    reference: command.reference ?? NIL_ID,
    expectedVersion: command.expectedVersion ?? 0,
    metadata: Buffer.from((command.type === "SetWalletLimits" ? command.limits : command.metadata) ?? []).toString(),
  };
}

describe("records", () => {
  test("hold every field of their commands, back to back", () => {
    fc.assert(
      fc.property(fc.array(command, { minLength: 1, maxLength: 5 }), (values) => {
        const commands = values.map(parse).filter((parsed) => parsed !== undefined);
        fc.pre(commands.length > 0);
        const records = encodeCommands(commands);
        expect(countRecords(records, 0, records.byteLength)).toBe(commands.length);
        let at = 0;
        for (const each of commands) {
          const length = recordBytesAt(records, at, records.byteLength);
          expect(readRecord(records.subarray(at, at + length))).toEqual(expectedRecord(each));
          at += length;
        }
      }),
      { numRuns: 10_000 },
    );
  });

  test("of holds that lapse before 1970 say a time that has passed, and not that they never lapse", () => {
    for (const expiresAt of ["1969-07-20T20:17:40Z", "1970-01-01T00:00:00Z"]) {
      const hold = parse({ type: "PlaceHold", id: ID, walletId: ID, amountMinor: 1, expiresAt });
      const record = encodeCommands(hold === undefined ? [] : [hold]);
      const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
      expect(view.getBigUint64(RECORD.expiresAtMs, true)).toBe(1n);
    }
  });

  test("of wallets opened without an id get one that follows from the command's", () => {
    const opening = { type: "CreateWallet", id: ID.toUpperCase(), ownerId: OTHER_ID, currency: "EUR" } as const;
    const { wallet } = readRecord(encodeCommands([opening]));
    expect(wallet).toBe(derivedId(`mizan-wallet\0${ID}`));
    expect(wallet).toMatch(/^.{14}8.{4}[89ab]/);
  });
});

function resultOf(code: number, sequence: number, flags = 0, sides: readonly number[] = []): Uint8Array {
  const bytes = new Uint8Array(RESULT_DETAIL_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(RESULT.code, code, true);
  view.setUint8(RESULT.flags, flags);
  view.setUint8(RESULT.shard, 3);
  view.setBigUint64(RESULT.sequence, BigInt(sequence), true);
  for (const [index, value] of sides.entries()) view.setBigInt64(RESULT.postedMinor + index * 8, BigInt(value), true);
  return bytes;
}

const TRANSFER: JsonCommand = { type: "Transfer", id: ID, fromWalletId: ID, toWalletId: OTHER_ID, amountMinor: 5 };

describe("results", () => {
  test("of a transfer show both sides, or only the debited one where the other may not be seen", () => {
    const both = readResult(TRANSFER, resultOf(CODE.ok, 2 ** 40, 0, [-5, 10, 7, AMOUNT_MINOR_MAX, 12, 9]), 0);
    expect(transferAnswer.parse(JSON.parse(both.text))).toEqual({
      id: ID,
      status: "COMPLETED",
      fromWalletId: ID,
      toWalletId: OTHER_ID,
      amountMinor: 5,
      position: `3:${2 ** 40}`,
      from: { postedMinor: -5, availableMinor: 10, version: 7 },
      to: { postedMinor: AMOUNT_MINOR_MAX, availableMinor: 12, version: 9 },
    });
    const one = readResult(TRANSFER, resultOf(CODE.ok, 1, 0, [1, 2, 3]), 0);
    expect(transferAnswer.parse(JSON.parse(one.text))).not.toHaveProperty("to");
  });

  test("of the second command are read from the second record", () => {
    const records = new Uint8Array(2 * RESULT_DETAIL_BYTES);
    records.set(resultOf(CODE.insufficient_funds, 4), 0);
    records.set(resultOf(CODE.ok, 5, RESULT_FLAG.replayed, [8, 9, 10]), RESULT_DETAIL_BYTES);
    const debit: JsonCommand = { type: "Debit", id: ID, walletId: OTHER_ID, amountMinor: 1 };
    const { replayed, text } = readResult(debit, records, 1);
    expect(replayed).toBe(true);
    expect(movementAnswer.parse(JSON.parse(text))).toMatchObject({
      walletId: OTHER_ID,
      postedMinor: 8,
      position: "3:5",
    });
  });

  test("of every code are JSON that names it", () => {
    for (const [code, { number, meaning }] of Object.entries(CODES)) {
      if (code === "ok") continue;
      for (const [sequence, flags] of [
        [0, 0],
        [6, RESULT_FLAG.replayed],
      ]) {
        const fields = JSON.parse(`{${resultFields(readResult(TRANSFER, resultOf(number, sequence, flags), 0))}}`);
        expect(fields).toEqual({
          ok: false,
          error: { code, message: meaning },
          ...(sequence === 0 ? {} : { position: "3:6", replayed: true }),
        });
      }
    }
  });
});
