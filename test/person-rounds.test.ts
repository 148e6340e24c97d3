/**
 * Kills the ledger with SIGKILL while people are registered, updated and erased, and starts it again.
 *
 * Whoever erases writes the command first and destroys the key then; whoever registers makes the key first. The process ends anywhere
 * in between: before the command, between command and key, before the answer. After each kill, once the commands that were not answered are
 * sent again: everybody registered is read as he was written last; of those who are erased no key is in the file, also where nobody asked
 * again; and no key is there without a person.
 *
 * MIZAN_CRASH_ROUNDS says how often (`npm run test:crash -- --rounds N`), MIZAN_CRASH_SEED repeats the choices.
 */

import { setTimeout as delay } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { UuidV7 } from "../protocol/ids.ts";
import { keySlots } from "./key-slots.ts";
import { ADMIN_KEY, LedgerProcess } from "./ledger-process.ts";
import { PEOPLE_ENV } from "./person-contract.ts";
import { randomFrom } from "./writers.ts";

const WRITERS = 10;
const KILLS = Number(process.env.MIZAN_CRASH_ROUNDS ?? 5);
const seed = Number(process.env.MIZAN_CRASH_SEED ?? Date.now() % 1_000_000_000);

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly body: object;
  readonly commandId: string;
}

/** A person as one writer knows him. */
interface Person {
  readonly id: string;
  name: string;
  status: "none" | "REGISTERED" | "ERASED";
  /** What was sent and not answered. */
  open: Sent | undefined;
}

const ids = new UuidV7();
const random = randomFrom(seed);
let ledger: LedgerProcess | undefined;
afterEach(() => ledger?.dispose());

async function send(running: LedgerProcess, { method, path, body, commandId }: Sent): Promise<number> {
  const response = await fetch(`${running.url}/api/v1/people${path}`, {
    method,
    headers: { authorization: `Bearer ${ADMIN_KEY}`, "content-type": "application/json", "idempotency-key": commandId },
    body: JSON.stringify(body),
  });
  await response.text();
  return response.status;
}

function next({ id, status, name }: Person): Sent {
  const commandId = ids.next();
  const phone = `+20122${String(Math.floor(random() * 1e7)).padStart(7, "0")}`;
  if (status === "none") return { method: "POST", path: "", body: { id, name, phone }, commandId };
  if (random() < 0.2) return { method: "PUT", path: `/${id}`, body: { name: `${name}a`, phone }, commandId };
  return { method: "POST", path: `/${id}/erase`, body: { reason: "REQUESTED" }, commandId };
}

/** Sends what is open, or something new, and takes down what it came to. */
async function step(running: LedgerProcess, person: Person): Promise<void> {
  person.open ??= next(person);
  const { open } = person;
  const status = await send(running, open);
  // A registration or an update that was applied, and not answered, comes after nothing: nobody else writes.
  expect([200, 201]).toContain(status);
  person.open = undefined;
  if (open.path.endsWith("/erase")) person.status = "ERASED";
  else {
    person.status = "REGISTERED";
    person.name = (open.body as { readonly name: string }).name;
  }
}

/** Writes until the ledger is gone. */
async function write(running: LedgerProcess, people: Person[], isKilled: () => boolean): Promise<void> {
  while (!isKilled()) {
    const person: Person = { id: ids.next(), name: "Amina", status: "none", open: undefined };
    people.push(person);
    try {
      while (person.status !== "ERASED" && random() < 0.9) await step(running, person);
    } catch (error) {
      // Whatever was answered was answered as it should be.
      if (error instanceof Error && error.name === "AssertionError") throw error;
      return;
    }
  }
}

test(`${KILLS} kills: keys are there for whom they should, and for nobody else (seed ${seed})`, {
  timeout: 120_000 + KILLS * 90_000,
}, async () => {
  ledger = await LedgerProcess.create({ MIZAN_SHARDS: "2", MIZAN_SNAPSHOT_FRAMES: "64", ...PEOPLE_ENV });
  const running = ledger;
  await running.start();
  const people: Person[] = [];
  let interrupted = 0;
  for (let kill = 0; kill < KILLS; kill += 1) {
    let isKilled = false;
    const writers = Array.from({ length: WRITERS }, () => write(running, people, () => isKilled));
    await delay(100 + random() * 400);
    isKilled = true;
    await running.end("SIGKILL");
    await Promise.all(writers);
    const open = people.filter((person) => person.open !== undefined);
    interrupted += open.length;
    await running.start();
    // Most of those who were being erased are not asked about again: their key has to go all the same, or they are still there.
    const silent = open.filter((person) => person.open?.path.endsWith("/erase") === true && random() < 0.8);
    for (const person of open) if (!silent.includes(person)) await step(running, person);
    for (const person of silent) {
      const found = await fetch(`${running.url}/api/v1/people/${person.id}`, {
        headers: { authorization: `Bearer ${ADMIN_KEY}` },
      });
      person.status = ((await found.json()) as { readonly status: "REGISTERED" | "ERASED" }).status;
      person.open = undefined;
    }
    const expected = people.filter(({ status }) => status === "REGISTERED").map(({ id }) => id);
    await expect
      .poll(
        () =>
          keySlots(running.dataDir)
            .map(({ personId }) => personId)
            .sort(),
        { timeout: 60_000, interval: 50 },
      )
      .toEqual(expected.sort());
    for (const { id, status, name } of people) {
      const found = await fetch(`${running.url}/api/v1/people/${id}`, {
        headers: { authorization: `Bearer ${ADMIN_KEY}` },
      });
      const json = (await found.json()) as Record<string, unknown>;
      if (status === "none") expect(json).toMatchObject({ code: "person_not_found" });
      else expect(json).toMatchObject(status === "ERASED" ? { status } : { status, name });
    }
  }
  // Kills that hit nobody would show nothing.
  expect(interrupted).toBeGreaterThan(0);
  const erased = people.filter(({ status }) => status === "ERASED").length;
  console.log(`people: ${people.length}, of whom ${erased} erased; ${interrupted} commands interrupted`);
});
