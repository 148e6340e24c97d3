import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { z } from "zod";
import { settings } from "../../test/property-settings.ts";
import { CURRENCY_CODES, minorDigits } from "../currencies.ts";
import { AMOUNT_MINOR_MAX } from "../limits.ts";
import { email, parseEmail } from "./email.ts";
import {
  medCardId,
  merchantId,
  parseMedCardId,
  parseMerchantId,
  parsePaymentId,
  parsePersonId,
  parseWalletId,
  paymentId,
  personId,
  walletId,
} from "./entity-id.ts";
import { addMoney, formatDecimal, money, parseDecimal, parseMoney, subtractMoney } from "./money.ts";
import { nationalId, nationalIdFacts, parseNationalId } from "./national-id.ts";
import type { Parsed, Parser } from "./parsed.ts";
import { basisPoints, parseBasisPoints, shareMinor } from "./percentage.ts";
import { parsePersonName, personName } from "./person-name.ts";
import { parsePhone, phone } from "./phone.ts";

function valueIn<T>(parsed: Parsed<T>): T {
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.value;
}

const amounts = fc.integer({ min: 0, max: AMOUNT_MINOR_MAX });
const currencies = fc.constantFrom(...CURRENCY_CODES);
const moneys = fc.record({ amountMinor: amounts, currency: currencies });
const shares = fc.integer({ min: 0, max: 10_000 });
const ids = fc.uuid({ version: [1, 4, 7] });

const births = fc
  .date({ min: new Date("1900-01-01"), max: new Date("2099-12-31"), noInvalidDate: true })
  .map((date) => date.toISOString().slice(0, 10));
const nationalIds = fc
  .record({
    birthDate: births,
    governorate: fc.constantFrom("01", "12", "21", "35", "88"),
    serial: fc.integer({ min: 0, max: 9_999 }).map((serial) => String(serial).padStart(4, "0")),
    check: fc.integer({ min: 0, max: 9 }),
  })
  .map(({ birthDate, governorate, serial, check }) => {
    const century = birthDate.startsWith("19") ? "2" : "3";
    return { birthDate, text: `${century}${birthDate.slice(2).replaceAll("-", "")}${governorate}${serial}${check}` };
  });
const phones = fc
  .constantFrom("10", "11", "12", "15")
  .chain((prefix) =>
    fc.integer({ min: 0, max: 99_999_999 }).map((rest) => `+20${prefix}${String(rest).padStart(8, "0")}`),
  );
const words = fc.stringMatching(/^[a-z0-9]{1,10}$/);
const emails = fc.tuple(words, words, words).map(([a, b, c]) => `${a}.${b}@${c}.com`);

/** A kind of values: how it is parsed, what its schema is, and values that are right in their final form. */
interface Kind {
  readonly name: string;
  readonly parse: Parser<unknown>;
  readonly schema: z.ZodType;
  readonly canonical: fc.Arbitrary<unknown>;
}

const KINDS: readonly Kind[] = [
  { name: "Money", parse: parseMoney, schema: money, canonical: moneys },
  { name: "BasisPoints", parse: parseBasisPoints, schema: basisPoints, canonical: shares },
  { name: "WalletId", parse: parseWalletId, schema: walletId, canonical: ids },
  { name: "PaymentId", parse: parsePaymentId, schema: paymentId, canonical: ids },
  { name: "MedCardId", parse: parseMedCardId, schema: medCardId, canonical: ids },
  { name: "PersonId", parse: parsePersonId, schema: personId, canonical: ids },
  {
    name: "PersonName",
    parse: parsePersonName,
    schema: personName,
    canonical: fc.constantFrom("Amina Hassan", "أمينة حسن", "Zoë O'Neil-Šimić", "李"),
  },
  { name: "MerchantId", parse: parseMerchantId, schema: merchantId, canonical: ids },
  { name: "Email", parse: parseEmail, schema: email, canonical: emails },
  { name: "Phone", parse: parsePhone, schema: phone, canonical: phones },
  {
    name: "NationalId",
    parse: parseNationalId,
    schema: nationalId,
    canonical: nationalIds.map(({ text }) => text),
  },
];

describe.each(KINDS)("$name", ({ parse, schema, canonical }) => {
  test("is what it is once it is parsed", () => {
    fc.assert(
      fc.property(canonical, (value) => {
        expect(parse(value)).toEqual({ ok: true, value });
      }),
      settings(100),
    );
  });

  test("never throws, and parsing what it gave out gives the same", () => {
    fc.assert(
      fc.property(fc.oneof(fc.anything(), fc.string(), fc.string({ unit: "binary" }), canonical), (input) => {
        const parsed = parse(input);
        if (parsed.ok) expect(parse(parsed.value)).toEqual(parsed);
        else expect(parsed.problem).not.toBe("");
      }),
      settings(300),
    );
  });

  test("has a schema that says the same as its parser", () => {
    fc.assert(
      fc.property(fc.oneof(fc.anything(), canonical), (input) => {
        const parsed = parse(input);
        const checked = schema.safeParse(input);
        expect(checked.success).toBe(parsed.ok);
        if (parsed.ok) expect(checked.data).toEqual(parsed.value);
        else expect(checked.error?.issues[0]?.message).toBe(parsed.problem);
      }),
      settings(200),
    );
  });
});

describe("ids", () => {
  test("come in lower case", () => {
    expect(parseWalletId("018F3C6E-0000-7000-8000-00000000000A")).toEqual({
      ok: true,
      value: "018f3c6e-0000-7000-8000-00000000000a",
    });
  });

  test.each([
    ["all zeros", "00000000-0000-0000-0000-000000000000"],
    ["the variant of the ledger's own keys", "018f3c6e-0000-7000-c000-00000000000a"],
    ["an account of the ledger", "6d697a61-6e00-8000-8000-000003320000"],
    ["no UUID", "wallet-1"],
  ])("are not %s", (_name, text) => expect(parsePaymentId(text).ok).toBe(false));
});

describe("money", () => {
  test("as a decimal number is the same money", () => {
    fc.assert(
      fc.property(moneys, (one) => {
        expect(valueIn(parseDecimal(formatDecimal(valueIn(parseMoney(one))), one.currency))).toEqual(one);
      }),
      settings(200),
    );
  });

  test.each([
    ["0", "EGP", 0],
    ["12.5", "EGP", 1_250],
    ["12.50", "EGP", 1_250],
    ["0.005", "KWD", 5],
    ["7", "JPY", 7],
    ["90071992547409.91", "EGP", AMOUNT_MINOR_MAX],
  ] as const)("%s %s are %i minor units", (text, currency, amountMinor) => {
    expect(parseDecimal(text, currency)).toEqual({ ok: true, value: { amountMinor, currency } });
  });

  test.each([
    ["12.505", "EGP"],
    ["7.0", "JPY"],
    ["-1", "EGP"],
    ["1e3", "EGP"],
    ["01", "EGP"],
    ["1,000", "EGP"],
    [" 1", "EGP"],
    [".5", "EGP"],
    ["90071992547409.92", "EGP"],
  ] as const)("%s %s are none", (text, currency) => expect(parseDecimal(text, currency).ok).toBe(false));

  test("has as many digits behind the point as its currency", () => {
    fc.assert(
      fc.property(moneys, (one) => {
        const [, fraction = ""] = formatDecimal(valueIn(parseMoney(one))).split(".");
        expect(fraction).toHaveLength(minorDigits(one.currency));
      }),
      settings(100),
    );
  });

  test("is added and taken away exactly, in one currency and in range", () => {
    fc.assert(
      fc.property(amounts, amounts, (a, b) => {
        const [x, y] = [a, b].map((amountMinor) => valueIn(parseMoney({ amountMinor, currency: "EGP" })));
        const sum = addMoney(x as never, y as never);
        expect(sum.ok).toBe(BigInt(a) + BigInt(b) <= BigInt(AMOUNT_MINOR_MAX));
        if (sum.ok) expect(subtractMoney(sum.value, y as never)).toEqual({ ok: true, value: x });
        expect(subtractMoney(x as never, y as never).ok).toBe(a >= b);
      }),
      settings(200),
    );
    const pounds = valueIn(parseMoney({ amountMinor: 1, currency: "EGP" }));
    const dollars = valueIn(parseMoney({ amountMinor: 1, currency: "USD" }));
    expect([addMoney(pounds, dollars).ok, subtractMoney(pounds, dollars).ok]).toEqual([false, false]);
  });
});

describe("a share", () => {
  test.each([
    [100, 250, 2],
    [100, 350, 4],
    [300, 50, 2],
    [100, 50, 0],
    [101, 50, 1],
    [1_000, 10_000, 1_000],
    [999, 0, 0],
    [AMOUNT_MINOR_MAX, 10_000, AMOUNT_MINOR_MAX],
  ])("of %i minor units at %i basis points is %i: halves go to the even one", (amountMinor, share, expected) => {
    expect(shareMinor(amountMinor, valueIn(parseBasisPoints(share)))).toBe(expected);
  });

  test("is never more than half a unit off, nor more than the whole", () => {
    fc.assert(
      fc.property(amounts, shares, (amountMinor, share) => {
        const part = BigInt(shareMinor(amountMinor, valueIn(parseBasisPoints(share))));
        const off = part * 10_000n - BigInt(amountMinor) * BigInt(share);
        expect(off >= -5_000n && off <= 5_000n).toBe(true);
        expect(part >= 0n && part <= BigInt(amountMinor)).toBe(true);
      }),
      settings(500),
    );
  });
});

describe("a mailbox", () => {
  test("has its domain in lower case", () => {
    expect(parseEmail(" Mona.Said@Example.ORG ")).toEqual({ ok: true, value: "Mona.Said@example.org" });
  });

  test.each([
    "a",
    "a@b",
    "@example.org",
    "a@",
    "a..b@example.org",
    "a@-x.org",
    "a@x.1",
    "a b@x.org",
    `${"a".repeat(65)}@x.org`,
  ])("is not %s", (text) => expect(parseEmail(text).ok).toBe(false));
});

describe("a telephone number", () => {
  test.each([
    ["+20 100 123 4567", "+201001234567"],
    ["0020-10-01234567", "+201001234567"],
    ["+20 2 2735 1234", "+20227351234"],
    ["+20 3 480 1234", "+2034801234"],
    ["+44 (20) 7946.0018", "+442079460018"],
  ])("%s is %s", (text, expected) => expect(parsePhone(text)).toEqual({ ok: true, value: expected }));

  test.each(["01001234567", "+201301234567", "+2010012345678", "+0123456789", "+20", "+123456789012345678", "abc"])(
    "is not %s",
    (text) => expect(parsePhone(text).ok).toBe(false),
  );
});

describe("a person's name", () => {
  test.each([
    ["  Amina   Hassan ", "Amina Hassan"],
    ["Zoe\u0308", "Zo\u00eb"],
  ])("%s is %s", (text, expected) => expect(parsePersonName(text)).toEqual({ ok: true, value: expected }));

  test.each([
    ["nothing", " "],
    ["digits only", "29001150101234"],
    ["two lines", "Amina\nHassan"],
    ["201 characters", "a".repeat(201)],
  ])("is not %s", (_name, text) => expect(parsePersonName(text).ok).toBe(false));
});

describe("a national id", () => {
  test("tells birth, governorate and sex", () => {
    expect(nationalIdFacts(valueIn(parseNationalId("29001150101234")))).toEqual({
      birthDate: "1990-01-15",
      governorate: "Cairo",
      sex: "male",
    });
    expect(nationalIdFacts(valueIn(parseNationalId("٣٠٤٠٢٢٩٨٨٠٠٠٢١")))).toEqual({
      birthDate: "2004-02-29",
      governorate: "Abroad",
      sex: "female",
    });
  });

  test("has the date of birth that went into it", () => {
    fc.assert(
      fc.property(nationalIds, ({ text, birthDate }) => {
        expect(nationalIdFacts(valueIn(parseNationalId(text))).birthDate).toBe(birthDate);
      }),
      settings(100),
    );
  });

  test.each([
    ["another century", "12345678901234"],
    ["13 digits", "2900115010123"],
    ["no such day", "29002300101234"],
    ["29 February of a common year", "30302290101234"],
    ["no such month", "29013150101234"],
    ["no such governorate", "29001150501234"],
  ])("is not one with %s", (_name, text) => expect(parseNationalId(text).ok).toBe(false));
});
