import { randomBytes } from "node:crypto";
import { UuidV7 } from "../protocol/ids.ts";
import type { Ask } from "./contract-ask.ts";

const PEOPLE = "/api/v1/people";

/** Settings with which a ledger keeps people. */
export const PEOPLE_ENV = { MIZAN_PERSONAL_DATA_KEY: randomBytes(32).toString("base64") };

/** Asks all routes of people. */
export async function askPeople(ask: Ask): Promise<void> {
  const id = new UuidV7().next();
  const data = { name: "Amina Hassan", birthDate: "1987-03-14", phone: "+201229876543" };
  await ask("POST", PEOPLE, PEOPLE, { id, ...data });
  await ask("PUT", `${PEOPLE}/${id}`, `${PEOPLE}/{id}`, { ...data, email: "amina@example.com" });
  await ask("GET", `${PEOPLE}/${id}`, `${PEOPLE}/{id}`);
  await ask("POST", `${PEOPLE}/${id}/erase`, `${PEOPLE}/{id}/erase`, { reason: "REQUESTED" });
}
