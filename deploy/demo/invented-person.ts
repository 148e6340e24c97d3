/** Who a person of the demo is. */
export interface InventedPerson {
  readonly name: string;
  /** A national id of Egypt, well formed. */
  readonly nationalId: string;
  readonly birthDate: string;
  readonly phone: string;
  readonly email: string;
}

interface Names {
  readonly female: readonly string[];
  readonly male: readonly string[];
  readonly family: readonly string[];
}

/** Half of the people are written in one script, half in the other. */
const LATIN: Names = {
  female: ["Amina", "Dina", "Farida", "Hala", "Laila", "Mona", "Nour", "Salma", "Yasmin"],
  male: ["Adel", "Bassem", "Hany", "Karim", "Mostafa", "Omar", "Sherif", "Tarek", "Youssef"],
  family: ["Abdallah", "El Masry", "Fahmy", "Hassan", "Ibrahim", "Mansour", "Nassar", "Saleh"],
};
const ARABIC: Names = {
  female: ["أمينة", "دينا", "فريدة", "هالة", "ليلى", "منى", "نور", "سلمى", "ياسمين"],
  male: ["عادل", "باسم", "هاني", "كريم", "مصطفى", "عمر", "شريف", "طارق", "يوسف"],
  family: ["عبد الله", "المصري", "فهمي", "حسن", "إبراهيم", "منصور", "نصار", "صالح"],
};
/** Of birth: Cairo, Alexandria, Dakahlia, Giza, Asyut and Aswan. */
const GOVERNORATES = ["01", "02", "12", "21", "25", "28"];
const NETWORKS = ["10", "11", "12", "15"];
const BORN_FROM_MS = Date.UTC(1945, 0, 1);
const BORN_UNTIL_MS = Date.UTC(2006, 0, 1);

/** Makes somebody up. Every value is well formed, and nobody's on purpose. */
export function inventPerson(random: () => number): InventedPerson {
  const below = (count: number): number => Math.floor(random() * count);
  const oneOf = (texts: readonly string[]): string => texts[below(texts.length)];
  const digits = (count: number): string => String(below(10 ** count)).padStart(count, "0");
  const sex = random() < 0.5 ? "female" : "male";
  const names = random() < 0.5 ? LATIN : ARABIC;
  const birthDate = new Date(BORN_FROM_MS + below(BORN_UNTIL_MS - BORN_FROM_MS)).toISOString().slice(0, 10);
  const century = birthDate.startsWith("19") ? "2" : "3";
  const serial = digits(3) + String(2 * below(5) + (sex === "male" ? 1 : 0));
  return {
    name: `${oneOf(names[sex])} ${oneOf(names.family)}`,
    nationalId: `${century}${birthDate.slice(2).replaceAll("-", "")}${oneOf(GOVERNORATES)}${serial}${digits(1)}`,
    birthDate,
    phone: `+20${oneOf(NETWORKS)}${digits(8)}`,
    email: `person-${digits(6)}@example.org`,
  };
}
