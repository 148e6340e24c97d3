import { expect, test } from "vitest";
import type { PersonalData } from "../../protocol/person/personal-data.ts";
import { masked } from "./mask.ts";

test("of each value somebody sees enough to know it again, and not what it is", () => {
  const facts = {
    name: "Amina Mona Hassan",
    nationalId: "29901310101234",
    birthDate: "1999-01-31",
    phone: "+201001234567",
    email: "amina.hassan@example.com",
  } as PersonalData;
  expect(masked(facts)).toEqual({
    name: "A*** M*** H***",
    nationalId: "**********1234",
    birthDate: "1999-**-**",
    phone: "+2010******67",
    email: "a***@example.com",
  });
});

test("what is not known is not shown, and short values and other scripts are masked alike", () => {
  expect(masked({ name: "أمينة" } as PersonalData)).toEqual({ name: "أ***" });
  expect(masked({ name: "𝒜b", phone: "+2612345" } as PersonalData)).toEqual({ name: "𝒜***", phone: "+26***45" });
});
