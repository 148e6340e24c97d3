import { describe, expect, test } from "vitest";
import type { ApiKeyState } from "../views.ts";
import { type ApiKeyCommand, type ApiKeyEvent, apiKeyAggregate } from "./api-key.ts";

const FACTS = { id: "id", name: "till 3", role: "merchant", ownerId: "owner", keyHash: "hash" } as const;
const create: ApiKeyCommand = { type: "CreateApiKey", ...FACTS };
const revoke: ApiKeyCommand = { type: "RevokeApiKey", id: "id" };
const created: ApiKeyEvent = { type: "ApiKeyCreated", ...FACTS, createdAtMs: 1_000 };
const revoked: ApiKeyEvent = { type: "ApiKeyRevoked", revokedAtMs: 1_000 };
const unknown = { type: "RenameApiKey", id: "id" } as unknown as ApiKeyCommand;

function given(...events: readonly ApiKeyEvent[]): ApiKeyState | undefined {
  return events.reduce<ApiKeyState | undefined>(apiKeyAggregate.evolve, undefined);
}

describe("given what happened, when a command comes, then", () => {
  test.each([
    { given: [], when: create, expected: { code: "ok", events: [created] }, name: "a key is created" },
    { given: [created], when: create, expected: { code: "api_key_exists" }, name: "it is not created twice" },
    { given: [created, revoked], when: create, expected: { code: "api_key_exists" }, name: "nor after it was revoked" },
    {
      given: [],
      when: revoke,
      expected: { code: "api_key_not_found" },
      name: "a key that is not there is not revoked",
    },
    { given: [created], when: revoke, expected: { code: "ok", events: [revoked] }, name: "a key is revoked" },
    { given: [created, revoked], when: revoke, expected: { code: "api_key_revoked" }, name: "it is not revoked twice" },
    { given: [created], when: unknown, expected: { code: "unknown_operation" }, name: "another command is refused" },
  ] satisfies readonly { given: ApiKeyEvent[]; when: ApiKeyCommand; expected: unknown; name: string }[])(
    "$name",
    ({ given: events, when, expected: decision }) => {
      expect(apiKeyAggregate.decide(given(...events), when, { nowMs: 1_000 })).toEqual(decision);
    },
  );
});

describe("what happened is remembered as", () => {
  test("a key that is in use", () => {
    expect(given(created)).toEqual({ ...FACTS, createdAtMs: 1_000, revokedAtMs: null });
  });

  test("a key that was revoked", () => {
    expect(given(created, { type: "ApiKeyRevoked", revokedAtMs: 2_000 })).toEqual({
      ...FACTS,
      createdAtMs: 1_000,
      revokedAtMs: 2_000,
    });
  });

  test("a revocation without a key is a broken journal", () => {
    expect(() => given(revoked)).toThrow("never created");
  });
});
