import fc from "fast-check";
import { expect, test } from "vitest";
import { check } from "../protocol/json-fault.ts";
import { jsonRequest } from "../protocol/json-requests.ts";
import { asPlainTransfer } from "./plain-transfer.ts";

const uuid = fc.uuid();
const plain = fc.record({
  requestId: fc.integer({ min: 1, max: 4_294_967_295 }),
  type: fc.constant("Transfer"),
  id: uuid,
  fromWalletId: uuid,
  toWalletId: uuid,
  amountMinor: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
});
const traced = fc.record({ traceparent: fc.string(), tracestate: fc.string() }, { requiredKeys: [] });
const odd = fc.oneof(
  fc.constantFrom(0, -1, 0.5, 2 ** 53, 2 ** 32, Number.NaN, "", "1", null, undefined, true, [], {}),
  fc.string(),
  uuid,
  fc.double(),
);

test("every plain transfer is recognised, and is what the schema makes of it", () => {
  fc.assert(
    fc.property(plain, traced, (fields, trace) => {
      const request = { ...fields, ...trace };
      expect(asPlainTransfer(request)).toBe(request);
      expect(check(jsonRequest, request)).toEqual({ ok: true, value: request });
    }),
    { numRuns: 2_000 },
  );
});

test("nothing is recognised that the schema refuses or reads differently", () => {
  const field = fc.constantFrom(
    "requestId",
    "type",
    "id",
    "fromWalletId",
    "toWalletId",
    "amountMinor",
    "currency",
    "traceparent",
    "tracestate",
    "x",
  );
  fc.assert(
    fc.property(plain, field, odd, fc.boolean(), (request, name, value, leaveOut) => {
      const changed: Record<string, unknown> = { ...request, [name]: value };
      if (leaveOut) delete changed[name];
      const recognised = asPlainTransfer(changed);
      if (recognised !== undefined) expect(check(jsonRequest, changed)).toEqual({ ok: true, value: recognised });
    }),
    { numRuns: 20_000 },
  );
});

test.each([null, undefined, 1, "Transfer", [], {}])("%j is none", (value) => {
  expect(asPlainTransfer(value)).toBeUndefined();
});
