import { type Branded, invalid, type Parsed, schemaOf, valid } from "./parsed.ts";

/**
 * A national id of Egypt.
 *
 * **Shape**, 14 digits: `C YYMMDD GG SSSS K`: C is 2 for births from 1900 on and 3 from 2000 on; GG is the governorate of
 * birth; SSSS is a serial whose last digit is odd for men and even for women; K is a check digit.
 */
export type NationalId = Branded<string, "NationalId">;

/** What a national id tells about its person. */
export interface NationalIdFacts {
  /** As in ISO 8601. */
  readonly birthDate: string;
  readonly governorate: (typeof GOVERNORATES)[keyof typeof GOVERNORATES];
  readonly sex: "female" | "male";
}

/** Governorate of birth by its code; 88 is for births abroad. */
const GOVERNORATES = {
  "01": "Cairo",
  "02": "Alexandria",
  "03": "Port Said",
  "04": "Suez",
  "11": "Damietta",
  "12": "Dakahlia",
  "13": "Sharqia",
  "14": "Qalyubia",
  "15": "Kafr El Sheikh",
  "16": "Gharbia",
  "17": "Monufia",
  "18": "Beheira",
  "19": "Ismailia",
  "21": "Giza",
  "22": "Beni Suef",
  "23": "Fayoum",
  "24": "Minya",
  "25": "Asyut",
  "26": "Sohag",
  "27": "Qena",
  "28": "Aswan",
  "29": "Luxor",
  "31": "Red Sea",
  "32": "New Valley",
  "33": "Matrouh",
  "34": "North Sinai",
  "35": "South Sinai",
  "88": "Abroad",
} as const;

const DIGITS = /^[23]\d{13}$/;
const ARABIC_ZERO = 0x0660;

/**
 * Takes 14 digits, Western or Arabic-Indic, and checks century, date of birth and governorate.
 *
 * The check digit is not verified: how it is computed has not been published officially, and a rule that is wrong would turn
 * people away. Whether the birth lies in the past is for whoever has a clock: see `NationalIdFacts.birthDate`.
 */
export function parseNationalId(input: unknown): Parsed<NationalId> {
  if (typeof input !== "string") return invalid("expected a national id");
  const text = input.trim().replace(/[\u0660-\u0669]/g, (digit) => String(digit.charCodeAt(0) - ARABIC_ZERO));
  if (!DIGITS.test(text)) return invalid("expected 14 digits that begin with 2 or 3");
  const birthDate = birthDateOf(text);
  const time = Date.parse(birthDate);
  // A date such as 30 February rolls over where it is read at all.
  if (Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== birthDate) {
    return invalid("expected a date of birth in the digits 2 to 7");
  }
  if (!Object.hasOwn(GOVERNORATES, text.slice(7, 9))) return invalid("expected a governorate in the digits 8 and 9");
  return valid(text as NationalId);
}

export const nationalId = schemaOf(parseNationalId, {
  type: "string",
  pattern: "^[23][0-9]{13}$",
  description: "A national id of Egypt.",
});

/** What a national id tells. */
export function nationalIdFacts(id: NationalId): NationalIdFacts {
  const code = id.slice(7, 9) as keyof typeof GOVERNORATES;
  return {
    birthDate: birthDateOf(id),
    governorate: GOVERNORATES[code],
    sex: Number(id[12]) % 2 === 1 ? "male" : "female",
  };
}

function birthDateOf(digits: string): string {
  const century = digits[0] === "2" ? "19" : "20";
  return `${century}${digits.slice(1, 3)}-${digits.slice(3, 5)}-${digits.slice(5, 7)}`;
}
