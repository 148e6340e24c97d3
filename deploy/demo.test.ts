/** The demo runs as its user starts it, and what happens in it follows from its seed. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { registerPersonBody } from "../protocol/person/commands.ts";
import { happenings, inhabitants, townOf } from "./demo/town.ts";
import { freePorts } from "./kafka/free-ports.ts";

const MAIN = fileURLToPath(new URL("demo/main.ts", import.meta.url));

test("a moment in a small town leaves books that balance", { timeout: 180_000 }, async () => {
  const port = await freePorts(1);
  // A tenth of a second at least is lived, so two hundred things happen on any machine.
  const options = ["--rate", "2000", "--people", "16", "--minutes", "0.001", "--port", String(port)];
  const child = spawn(process.execPath, [MAIN, ...options], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const [exitCode] = await once(child, "exit");
  expect([exitCode, output]).toEqual([0, expect.stringContaining("books balanced")]);
  expect(output).toContain("16 people with a wallet and a medical card, 2 shops");
  expect(output).toMatch(/a person .*\/api\/v1\/people\//);
  const some = "[1-9]\\d*";
  const line = [
    `${some} transfers`,
    `${some} payments \\(${some} split\\)`,
    `${some} claims`,
    `${some} top-ups \\(\\d+ unpaid\\)`,
    `${some} payouts`,
    `${some} batches`,
    "0 refused",
  ].join(", ");
  expect(output).toMatch(new RegExp(line));
  expect(output).toContain("settlement reports: 2 of 2 balanced");
});

test("the same seed has the same day, and another one another", () => {
  const firstOf = (seed: number) => happenings(townOf(50), seed).take(200).toArray();
  expect(firstOf(7)).toEqual(firstOf(7));
  expect(firstOf(8)).not.toEqual(firstOf(7));
  expect(new Set(firstOf(7).map(({ type }) => type))).toEqual(
    new Set(["transfer", "payment", "claim", "top-up", "payout"]),
  );
});

test("everybody has a name, a telephone number and a national id that the ledger takes", () => {
  const people = inhabitants(townOf(500), 7);
  const id = "01900000-0000-7000-8000-000000000001";
  expect(people.filter((person) => !registerPersonBody.safeParse({ id, ...person }).success)).toEqual([]);
  expect(inhabitants(townOf(500), 7)).toEqual(people);
  expect(inhabitants(townOf(500), 8)).not.toEqual(people);
});
