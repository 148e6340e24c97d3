/** What the JSON schemas take and refuse, over tables of cases and over values that no client would send. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { z } from "zod";
import { CODES, type Code } from "./codes.ts";
import { CURRENCY_CODES } from "./currencies.ts";
import { createApiKeyBody } from "./json-access.ts";
import {
  batchBody,
  createWalletBody,
  movementBody,
  overdraftLimitBody,
  transferBody,
  walletChangeBody,
} from "./json-commands.ts";
import { check } from "./json-fault.ts";
import { jsonRequest } from "./json-requests.ts";
import { COMMANDS_PER_MESSAGE_MAX, LOOKUPS_PER_MESSAGE_MAX } from "./limits.ts";

const ID = "01900000-0000-7000-8000-000000000001";
const OTHER_ID = "01900000-0000-7000-8000-000000000002";
const TRANSFER = { type: "Transfer", id: ID, fromWalletId: ID, toWalletId: OTHER_ID, amountMinor: 5 };
const REQUEST = { requestId: 1, ...TRANSFER };
const OPENING = { requestId: 1, type: "CreateWallet", id: ID, ownerId: ID, currency: "EUR" };

function nested(depth: number): object {
  let value: object = {};
  for (let level = 0; level < depth; level += 1) value = { a: value };
  return value;
}

describe("a request", () => {
  test.each([
    [{ amountMinor: 0 }, "amount_invalid", "amountMinor"],
    [{ amountMinor: -1 }, "amount_invalid", "amountMinor"],
    [{ amountMinor: 1.5 }, "amount_invalid", "amountMinor"],
    [{ amountMinor: 2 ** 53 }, "amount_invalid", "amountMinor"],
    [{ amountMinor: Number.POSITIVE_INFINITY }, "amount_invalid", "amountMinor"],
    [{ amountMinor: "5" }, "invalid_request", "amountMinor"],
    [{ amountMinor: null }, "invalid_request", "amountMinor"],
    [{ amountMinor: undefined }, "invalid_request", "amountMinor"],
    [{ currency: "XXX" }, "currency_unknown", "currency"],
    [{ currency: "eur" }, "currency_unknown", "currency"],
    [{ currency: 978 }, "invalid_request", "currency"],
    [{ expectedVersion: 0 }, "expected_version_invalid", "expectedVersion"],
    [{ expectedVersion: 2 ** 53 }, "expected_version_invalid", "expectedVersion"],
    [{ expectedVersion: "3" }, "invalid_request", "expectedVersion"],
    [{ reference: "order 17" }, "invalid_request", "reference"],
    [{ metadata: "text" }, "invalid_request", "metadata"],
    [{ metadata: [] }, "invalid_request", "metadata"],
    [{ metadata: null }, "invalid_request", "metadata"],
    [{ metadata: { a: "x".repeat(1_024) } }, "metadata_too_large", "metadata"],
    [{ metadata: { a: "€".repeat(400) } }, "metadata_too_large", "metadata"],
    [{ fromWalletId: "x" }, "invalid_request", "fromWalletId"],
    [{ id: `${ID} ` }, "invalid_request", "id"],
    [{ requestId: 0 }, "invalid_request", "requestId"],
    [{ requestId: 2 ** 32 }, "invalid_request", "requestId"],
    [{ requestId: "1" }, "invalid_request", "requestId"],
    [{ type: "Steal" }, "unknown_operation", "type"],
    [{ type: 1 }, "invalid_request", "type"],
    [{ type: "__proto__" }, "unknown_operation", "type"],
    [{ type: "constructor" }, "unknown_operation", "type"],
    [{ linked: true }, "invalid_request", "linked"],
    [{ tip: 1 }, "invalid_request", "tip"],
    [JSON.parse('{"__proto__":1}'), "invalid_request", "__proto__"],
  ])("Transfer with %j is %s for %s", (change, code, field) => {
    const request = Object.defineProperties({ ...REQUEST }, Object.getOwnPropertyDescriptors(change));
    expect(check(jsonRequest, request)).toMatchObject({ ok: false, fault: { code, field } });
  });

  const wrong: readonly (readonly [request: unknown, code: Code, field: string])[] = [
    [{ ...OPENING, walletType: "bank" }, "wallet_type_invalid", "walletType"],
    [{ ...OPENING, walletType: 1 }, "invalid_request", "walletType"],
    [{ ...OPENING, currency: undefined }, "invalid_request", "currency"],
    [{ ...OPENING, overdraftLimitMinor: -1 }, "amount_invalid", "overdraftLimitMinor"],
    [{ requestId: 1, type: "Batch", commands: [] }, "invalid_request", "commands"],
    [{ requestId: 1, type: "Batch", commands: {} }, "invalid_request", "commands"],
    [{ requestId: 1, type: "Batch", commands: [TRANSFER, null] }, "invalid_request", "commands.1"],
    [
      { requestId: 1, type: "Batch", commands: [TRANSFER, { ...TRANSFER, amountMinor: 0 }] },
      "amount_invalid",
      "commands.1.amountMinor",
    ],
    [{ requestId: 1, type: "Batch", commands: [REQUEST] }, "invalid_request", "commands.0.requestId"],
    [{ requestId: 1, type: "Batch", commands: [{ type: "Batch" }] }, "unknown_operation", "commands.0.type"],
    [
      { requestId: 1, type: "Batch", commands: Array(COMMANDS_PER_MESSAGE_MAX + 1).fill(TRANSFER) },
      "too_many_commands",
      "commands",
    ],
    [{ requestId: 1, type: "GetWallets", walletIds: [] }, "invalid_request", "walletIds"],
    [
      { requestId: 1, type: "GetWallets", walletIds: Array(LOOKUPS_PER_MESSAGE_MAX + 1).fill(ID) },
      "too_many_commands",
      "walletIds",
    ],
    [{ requestId: 1, type: "GetTransfer" }, "invalid_request", "id"],
    [{ requestId: 1, type: "Subscribe" }, "invalid_request", "topic"],
    [{ requestId: 1, type: "Subscribe", topic: "bank" }, "invalid_request", "topic"],
    [{ requestId: 1, type: "Subscribe", topic: "wallet" }, "invalid_request", "walletId"],
    [{ requestId: 1, type: "Subscribe", topic: "all", walletId: ID }, "invalid_request", "walletId"],
    [
      { requestId: 1, type: "Subscribe", topic: "wallet", walletId: ID, fromVersion: -1 },
      "invalid_request",
      "fromVersion",
    ],
    [{ requestId: 1, type: "Unsubscribe", topic: "owner" }, "invalid_request", "ownerId"],
    [
      { requestId: 1, type: "Unsubscribe", topic: "wallet", walletId: ID, fromVersion: 1 },
      "invalid_request",
      "fromVersion",
    ],
    [{}, "invalid_request", "type"],
    [[], "invalid_request", ""],
    [null, "invalid_request", ""],
    ["Ping", "invalid_request", ""],
    [1, "invalid_request", ""],
  ];
  test.each(wrong.map(([request, code, field]) => [code, field, request] as const))(
    "is %s for '%s'",
    (code, field, request) => {
      expect(check(jsonRequest, request)).toMatchObject({ ok: false, fault: { code, field } });
    },
  );

  test("of every type is taken, with all that is optional", () => {
    const more = { expectedVersion: 3, reference: OTHER_ID, metadata: { order: 17 } };
    const wallet = { id: ID, walletId: OTHER_ID, ...more };
    const commands = [
      { ...TRANSFER, currency: "EUR", ...more },
      { type: "Credit", amountMinor: 1, currency: "EUR", ...wallet },
      { type: "Debit", amountMinor: Number.MAX_SAFE_INTEGER, ...wallet },
      { ...wallet, type: "CreateWallet", ownerId: ID, currency: "EUR", walletType: "merchant", overdraftLimitMinor: 0 },
      ...["ActivateWallet", "FreezeWallet", "UnfreezeWallet", "CloseWallet"].map((type) => ({ type, ...wallet })),
      { type: "SetOverdraftLimit", overdraftLimitMinor: 7, ...wallet },
    ];
    const requests = [
      ...commands,
      { type: "Batch", commands: commands.map((command) => ({ ...command, linked: true })) },
      { type: "GetWallet", walletId: ID },
      { type: "GetBalance", walletId: ID },
      { type: "GetWallets", walletIds: [ID, OTHER_ID] },
      { type: "GetTransfer", id: ID },
      { type: "GetHold", holdId: ID },
      { type: "GetTrialBalance" },
      { type: "Ping" },
      { type: "Subscribe", topic: "wallet", walletId: ID, fromVersion: 0 },
      { type: "Unsubscribe", topic: "wallet", walletId: ID },
      ...["Subscribe", "Unsubscribe"].flatMap((type) => [
        { type, topic: "owner", ownerId: ID },
        { type, topic: "all" },
      ]),
    ];
    for (const request of requests) {
      expect(check(jsonRequest, { requestId: 1, ...request }), JSON.stringify(request)).toMatchObject({ ok: true });
    }
  });

  test("metadata nested too deeply to be written again is too large", () => {
    const request = { ...REQUEST, metadata: nested(100_000) };
    expect(check(jsonRequest, request)).toMatchObject({ ok: false, fault: { code: "metadata_too_large" } });
  });

  test("metadata comes out as the UTF-8 of its text, whatever its keys", () => {
    const text = '{"__proto__":{"a":"ü"},"constructor":1}';
    const { type: _, id: __, ...body } = TRANSFER;
    const taken = check(transferBody, { ...body, metadata: JSON.parse(text) });
    expect(taken.ok && new TextDecoder().decode(taken.value.metadata)).toBe(text);
  });
});

const SCHEMAS: readonly z.ZodType[] = [
  jsonRequest,
  batchBody,
  createWalletBody,
  movementBody,
  overdraftLimitBody,
  transferBody,
  walletChangeBody,
  createApiKeyBody,
];

describe("over values at random", () => {
  test("every JSON value is taken or refused with a code, and nothing throws", () => {
    let refused = 0;
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.nat(SCHEMAS.length - 1), (value, which) => {
        const checked = check(SCHEMAS[which], value);
        if (checked.ok) return;
        refused += 1;
        expect(CODES[checked.fault.code].http).toBeGreaterThanOrEqual(400);
        expect(checked.fault.message).not.toBe("");
      }),
      { numRuns: 60_000 },
    );
    expect(refused).toBeGreaterThan(50_000);
  });

  const names = [
    "requestId",
    "type",
    "id",
    "fromWalletId",
    "toWalletId",
    "amountMinor",
    "currency",
    "expectedVersion",
    "reference",
    "metadata",
    "linked",
    "tip",
  ];
  const odd = fc.oneof(
    fc.constantFrom<unknown>(
      0,
      -0,
      1,
      -1,
      0.5,
      2 ** 32 - 1,
      2 ** 32,
      2 ** 53 - 1,
      2 ** 53,
      "",
      "1",
      "EUR",
      "Credit",
      ID,
      true,
      null,
      [],
      {},
      { a: 1 },
    ),
    fc.double(),
    fc.integer(),
    fc.uuid(),
    fc.string(),
    fc.jsonValue({ maxDepth: 2 }),
  );

  test("a Transfer is taken exactly where each of its fields is as the contract says", () => {
    let taken = 0;
    const changes = fc.array(fc.tuple(fc.constantFrom(...names), odd), { minLength: 1, maxLength: 2 });
    fc.assert(
      fc.property(changes, (changed) => {
        const request = { ...REQUEST, ...Object.fromEntries(changed) } as Record<string, unknown>;
        const checked = check(jsonRequest, request);
        if (request.type !== "Transfer") {
          expect(checked.ok).toBe(false);
          return;
        }
        expect(checked.ok).toBe(isTransfer(request));
        if (checked.ok) taken += 1;
        else expect(names).toContain(checked.fault.field.split(".")[0]);
      }),
      { numRuns: 100_000 },
    );
    expect(taken).toBeGreaterThan(1_000);
  });
});

/** The contract of a Transfer, said once more and without the schemas. */
function isTransfer(request: Readonly<Record<string, unknown>>): boolean {
  const uuid = (value: unknown): boolean =>
    typeof value === "string" && /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value);
  const whole = (value: unknown, max: number): boolean =>
    typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= max;
  const { requestId, id, fromWalletId, toWalletId, amountMinor, currency, expectedVersion, reference, metadata } =
    request;
  return (
    !("linked" in request || "tip" in request) &&
    whole(requestId, 2 ** 32 - 1) &&
    uuid(id) &&
    uuid(fromWalletId) &&
    uuid(toWalletId) &&
    whole(amountMinor, 2 ** 53 - 1) &&
    (currency === undefined || CURRENCY_CODES.some((code) => code === currency)) &&
    (expectedVersion === undefined || whole(expectedVersion, 2 ** 53 - 1)) &&
    (reference === undefined || uuid(reference)) &&
    (metadata === undefined ||
      (typeof metadata === "object" &&
        metadata !== null &&
        !Array.isArray(metadata) &&
        Buffer.byteLength(JSON.stringify(metadata)) <= 1_024))
  );
}
