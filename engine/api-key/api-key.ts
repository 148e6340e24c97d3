import type { Aggregate } from "../object/aggregate.ts";
import type { ApiKeyState } from "../views.ts";

export type ApiKeyCommand =
  | {
      readonly type: "CreateApiKey";
      readonly id: string;
      readonly name: string;
      readonly role: ApiKeyState["role"];
      readonly ownerId: string;
      readonly keyHash: string;
    }
  | { readonly type: "RevokeApiKey"; readonly id: string };

export type ApiKeyEvent =
  | ({ readonly type: "ApiKeyCreated" } & Omit<ApiKeyState, "revokedAtMs">)
  | { readonly type: "ApiKeyRevoked"; readonly revokedAtMs: number };

/** Who may use the ledger: an API key is created and revoked, and never changes in between. */
export const apiKeyAggregate: Aggregate<ApiKeyState, ApiKeyCommand, ApiKeyEvent> = {
  name: "ApiKey",

  decide(state, command, { nowMs }) {
    switch (command.type) {
      case "CreateApiKey": {
        if (state !== undefined) return { code: "api_key_exists" };
        const { id, name, role, ownerId, keyHash } = command;
        return {
          code: "ok",
          events: [{ type: "ApiKeyCreated", id, name, role, ownerId, keyHash, createdAtMs: nowMs }],
        };
      }
      case "RevokeApiKey":
        if (state === undefined) return { code: "api_key_not_found" };
        if (state.revokedAtMs !== null) return { code: "api_key_revoked" };
        return { code: "ok", events: [{ type: "ApiKeyRevoked", revokedAtMs: nowMs }] };
      default:
        // The command's type comes from outside the compiler's sight.
        return { code: "unknown_operation" };
    }
  },

  evolve(state, event) {
    if (event.type === "ApiKeyCreated") {
      const { type: _, ...created } = event;
      return { ...created, revokedAtMs: null };
    }
    if (state === undefined) throw new Error("an API key was revoked that was never created");
    return { ...state, revokedAtMs: event.revokedAtMs };
  },
};
