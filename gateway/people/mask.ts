import type { PersonalData } from "../../protocol/person/personal-data.ts";

type Shown = { readonly [Field in keyof PersonalData]: string };

/** What somebody sees of a person who may not see all. */
export function masked({ name, nationalId, birthDate, phone, email }: PersonalData): Shown {
  return {
    name: name.split(" ").map(firstLetter).join(" "),
    // The digits before are the date of birth and the governorate.
    ...(nationalId === undefined ? {} : { nationalId: `${"*".repeat(nationalId.length - 4)}${nationalId.slice(-4)}` }),
    ...(birthDate === undefined ? {} : { birthDate: `${birthDate.slice(0, 4)}-**-**` }),
    ...(phone === undefined ? {} : { phone: maskedPhone(phone) }),
    ...(email === undefined ? {} : { email: `${firstLetter(email)}${email.slice(email.lastIndexOf("@"))}` }),
  };
}

function firstLetter(word: string): string {
  return `${[...word][0]}***`;
}

/** Shows the beginning with the country's code, and the end; the shortest number has seven digits. */
function maskedPhone(phone: string): string {
  const shown = phone.length > 10 ? 5 : 3;
  return `${phone.slice(0, shown)}${"*".repeat(phone.length - shown - 2)}${phone.slice(-2)}`;
}
