import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PersonalData } from "../../protocol/person/personal-data.ts";
import { settings } from "../../test/property-settings.ts";
import { KEY_BYTES, KEY_ID_BYTES, keyIdOf, open, type PersonKey, SealBrokenError, seal } from "./seal.ts";

const text = fc.string({ unit: "grapheme", maxLength: 80 });
const data = fc.record(
  { name: text, nationalId: text, birthDate: text, phone: text, email: text },
  { requiredKeys: ["name"] },
) as fc.Arbitrary<unknown> as fc.Arbitrary<PersonalData>;
const ids = fc.uuid();

function newKey(): PersonKey {
  return { keyId: randomBytes(KEY_ID_BYTES).toString("hex"), key: randomBytes(KEY_BYTES) };
}

describe("what is sealed for a person", () => {
  test("opens with the key of the person, and is the same each time", () => {
    fc.assert(
      fc.property(ids, data, (id, facts) => {
        const key = newKey();
        const sealed = seal(key, id, facts);
        expect(open(key, id, sealed)).toEqual(facts);
        expect(seal(key, id, facts)).toBe(sealed);
        expect(keyIdOf(sealed)).toBe(key.keyId);
      }),
      settings(200),
    );
  });

  test("does not depend on the order of the fields", () => {
    const key = newKey();
    const facts = { name: "Amina Hassan", phone: "+201001234567" } as PersonalData;
    const turned = { phone: facts.phone, name: facts.name } as PersonalData;
    expect(seal(key, ID, turned)).toBe(seal(key, ID, facts));
  });

  test("opens for no other person, with no other key, and not where any byte is another", () => {
    fc.assert(
      fc.property(ids, ids, data, fc.nat(), fc.integer({ min: 1, max: 255 }), (id, other, facts, place, flip) => {
        fc.pre(id !== other);
        const key = newKey();
        const sealed = seal(key, id, facts);
        const bytes = Buffer.from(sealed, "base64url");
        const at = place % bytes.length;
        bytes[at] = (bytes[at] as number) ^ flip;
        expect(() => open(key, other, sealed)).toThrow(SealBrokenError);
        expect(() => open({ ...key, key: randomBytes(KEY_BYTES) }, id, sealed)).toThrow(SealBrokenError);
        expect(() => open({ ...key, keyId: "00".repeat(KEY_ID_BYTES) }, id, sealed)).toThrow(SealBrokenError);
        expect(() => open(key, id, bytes.toString("base64url"))).toThrow(SealBrokenError);
        expect(() => open(key, id, bytes.subarray(0, at).toString("base64url"))).toThrow(SealBrokenError);
      }),
      settings(200),
    );
  });

  test("shows neither a value nor, within a step of 128 bytes, its length", () => {
    const key = newKey();
    const short = seal(key, ID, { name: "Li" } as PersonalData);
    const long = seal(key, ID, { name: "Amina Hassan", phone: "+201001234567" } as PersonalData);
    expect(long.length).toBe(short.length);
    expect(Buffer.from(long, "base64url").includes("Amina")).toBe(false);
  });

  test("has another nonce for other data, another person and another key", () => {
    const key = newKey();
    const facts = { name: "Amina" } as PersonalData;
    const sealed = [
      seal(key, ID, facts),
      seal(key, ID, { name: "Amine" } as PersonalData),
      seal(key, ID.replace("1", "2"), facts),
      seal(newKey(), ID, facts),
    ];
    const nonces = sealed.map((one) => Buffer.from(one, "base64url").toString("hex", 10, 22));
    expect(new Set(nonces).size).toBe(sealed.length);
  });

  test("tells nothing of itself in an error", () => {
    const key = newKey();
    const sealed = seal(key, ID, { name: "Amina Hassan" } as PersonalData);
    expect(() => open(newKey(), ID, sealed)).toThrow(/^sealed personal data do not open with the key of their person$/);
  });
});

const ID = "018f3c6e-0000-7000-8000-0000000000b1";
