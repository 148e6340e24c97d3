import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { StartError } from "../start-error.ts";
import { readProviders } from "./provider-settings.ts";

const FAWRY = {
  kind: "fawry",
  name: "fawry",
  baseUrl: "https://www.atfawry.com/",
  walletId: "018f3c6e-0000-7000-8000-000000000001",
  merchantCode: "code",
  secureKey: { env: "FAWRY_KEY" },
};

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "mizan-providers-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

function read(content: unknown, env: Record<string, string> = { FAWRY_KEY: "hush-hush" }): unknown {
  const path = join(directory, "providers.json");
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return readProviders(path, env);
}

test("a provider has defaults, and secrets from the environment", () => {
  expect(read({ providers: [FAWRY] })).toMatchObject([
    { name: "fawry", baseUrl: "https://www.atfawry.com", secureKey: "hush-hush", timeoutMs: 10_000, queuedMax: 128 },
  ]);
  expect(readProviders(undefined, {})).toEqual([]);
});

test.each([
  { name: "no file", content: undefined, problem: "ENOENT" },
  { name: "no JSON", content: "{", problem: "no JSON" },
  { name: "an unknown field", content: { providers: [{ ...FAWRY, key: "k" }] }, problem: "key" },
  { name: "two of a name", content: { providers: [FAWRY, FAWRY] }, problem: "same name" },
  { name: "an unknown kind", content: { providers: [{ ...FAWRY, kind: "bank" }] }, problem: "kind" },
  { name: "a wallet that is none", content: { providers: [{ ...FAWRY, walletId: "w" }] }, problem: "walletId" },
  { name: "a variable that is not set", content: { providers: [FAWRY] }, env: {}, problem: "FAWRY_KEY" },
])("$name is said, and no secret", ({ content, env, problem }) => {
  const start = (): unknown =>
    content === undefined
      ? readProviders(join(directory, "none.json"), {})
      : read(content, env ?? { FAWRY_KEY: "hush-hush" });
  expect(start).toThrow(StartError);
  expect(start).toThrow(problem);
  expect(start).not.toThrow("hush-hush");
});
