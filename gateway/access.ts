import { createHash, randomBytes } from "node:crypto";
import type { ApiKeyState, ObjectOutcome } from "../engine/views.ts";
import type { Code } from "../protocol/codes.ts";
import { UuidV7, uuidBytes } from "../protocol/ids.ts";
import type { Asker, Caller } from "./caller.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { Tickets } from "./tickets.ts";

const AGGREGATE = "ApiKey";
const FIRST_ADMIN: Caller = { role: "admin", ownerId: new Uint32Array(4), keyId: "" };

/** What an admin asks for when making an API key. `ownerId` is a UUID, or empty for an admin's key. */
export interface NewApiKey {
  readonly commandId: string;
  readonly name: string;
  readonly role: ApiKeyState["role"];
  readonly ownerId: string;
}

/** What came of making a key. `key` is the key itself, shown this once; a replayed answer cannot repeat it. */
export interface CreatedApiKey extends ObjectOutcome {
  readonly key: string | null;
}

/** An API key and the caller that it stands for. */
interface KnownKey {
  readonly state: ApiKeyState;
  readonly caller: Caller;
}

/**
 * Who may use the ledger. The keys are journaled aggregates; what is kept here, by hash, is their latest durable state.
 */
export class Access {
  readonly #dispatcher: Dispatcher;
  readonly #tickets: Tickets;
  readonly #byHash = new Map<string, KnownKey>();
  readonly #byId = new Map<string, KnownKey>();
  readonly #ids = new UuidV7();
  /** Hash of the configured key, which opens a ledger that knows no key yet: a standby has nobody else to let in. */
  readonly #firstHash: string | undefined;
  #onRevoked: (keyId: string) => void = () => {};

  private constructor(dispatcher: Dispatcher, tickets: Tickets, adminKey: string | undefined) {
    this.#dispatcher = dispatcher;
    this.#tickets = tickets;
    this.#firstHash = adminKey === undefined ? undefined : hashOf(adminKey);
  }

  /** Reads the keys that the ledger knows. */
  static async open(
    dispatcher: Dispatcher,
    config: { readonly ticketTtlMs: number; readonly ticketsMax: number; readonly adminKey?: string | undefined },
  ): Promise<Access> {
    const access = new Access(dispatcher, new Tickets(config.ticketTtlMs, config.ticketsMax), config.adminKey);
    await access.refresh();
    return access;
  }

  /**
   * Learns of keys made and revoked by another node, whose journal this one follows.
   *
   * **Errors**: rejects where they could not be read; what was known before stays.
   */
  refresh(): Promise<void> {
    return new Promise((resolve, reject) => {
      const code = this.#dispatcher.listObjects(AGGREGATE, (states) => {
        for (const state of states ?? []) this.#learn(state as ApiKeyState);
        if (states !== null) resolve();
        else reject(new Error("the API keys do not fit the reply ring; start with a larger MIZAN_REPLY_RING_BYTES"));
      });
      if (code !== "ok") reject(new Error(`the API keys could not be read: ${code}`));
    });
  }

  /** Names who is told when a key is revoked, so that its connections can be closed. */
  onRevoked(tell: (keyId: string) => void): void {
    this.#onRevoked = tell;
  }

  /** The caller that a key stands for; undefined for an unknown or revoked one. */
  authenticate(key: string): Caller | undefined {
    const hash = hashOf(key);
    if (this.#byId.size === 0 && hash === this.#firstHash) return FIRST_ADMIN;
    const known = this.#byHash.get(hash);
    return known === undefined || known.state.revokedAtMs !== null ? undefined : known.caller;
  }

  /** The caller of an `Authorization` header. */
  authenticateHeader(authorization: string): Caller | undefined {
    const match = /^Bearer +([\x21-\x7e]+)$/i.exec(authorization);
    return match?.[1] === undefined ? undefined : this.authenticate(match[1]);
  }

  /** A ticket that opens one socket as the caller, for where no header can be sent. */
  issueTicket(caller: Caller): { ticket: string; expiresAtMs: number } {
    return this.#tickets.issue(caller, Date.now());
  }

  /** Takes a ticket in, for good; undefined if it is unknown, used, too old, or its key was revoked meanwhile. */
  redeemTicket(ticket: string): Caller | undefined {
    const caller = this.#tickets.redeem(ticket, Date.now());
    return caller === undefined || this.#byId.get(caller.keyId)?.state.revokedAtMs !== null ? undefined : caller;
  }

  /** Whether the key behind a caller was revoked since it proved who it is. */
  isRevoked({ keyId }: Caller): boolean {
    const revokedAtMs = this.#byId.get(keyId)?.state.revokedAtMs;
    return revokedAtMs !== undefined && revokedAtMs !== null;
  }

  /** All keys ever made, oldest first. */
  list(): readonly ApiKeyState[] {
    return [...this.#byId.values()].map(({ state }) => state).sort((a, b) => a.createdAtMs - b.createdAtMs);
  }

  /**
   * Makes a key. The command's id becomes the id of the key, so that the same request sent again is known for what it is,
   * although a fresh secret was drawn for it.
   */
  createKey(asker: Asker, request: NewApiKey, done: (outcome: CreatedApiKey) => void): Code {
    return this.#create(asker, request, newSecret(), done);
  }

  /** Revokes a key; once `done` has been called with `ok` no request with it is taken. */
  revokeKey(asker: Asker, id: string, commandId: string, done: (outcome: ObjectOutcome) => void): Code {
    const command = { aggregate: AGGREGATE, id, commandId, command: { type: "RevokeApiKey", id } };
    return this.#dispatcher.objectCommand(asker, command, (outcome) => {
      if (outcome.state !== null) this.#learn(outcome.state as unknown as ApiKeyState);
      done(outcome);
    });
  }

  /**
   * Sees to it that an admin can get in: the configured key becomes one, or, in a ledger without any key, a fresh one is
   * made and returned.
   */
  async bootstrap(adminKey: string | undefined): Promise<BootstrapResult> {
    if (adminKey !== undefined) {
      const known = this.#byHash.get(hashOf(adminKey));
      if (known === undefined) {
        await this.#createAdmin("MIZAN_ADMIN_KEY", adminKey);
        return { kind: "configured" };
      }
      return { kind: known.state.revokedAtMs === null ? "configured" : "revoked" };
    }
    if (this.#byId.size === 0) {
      const key = newSecret();
      await this.#createAdmin("first admin", key);
      return { kind: "generated", key };
    }
    const isActiveAdmin = ({ state }: KnownKey) => state.role === "admin" && state.revokedAtMs === null;
    return { kind: [...this.#byId.values()].some(isActiveAdmin) ? "configured" : "no_admin" };
  }

  #createAdmin(name: string, key: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const request = { commandId: this.#ids.next(), name, role: "admin", ownerId: "" } as const;
      const code = this.#create({ role: "admin", ownerId: new Uint32Array(4) }, request, key, (outcome) => {
        if (outcome.code === "ok") resolve();
        else reject(new Error(`the admin key could not be made: ${outcome.code}`));
      });
      if (code !== "ok") reject(new Error(`the admin key could not be made: ${code}`));
    });
  }

  #create(asker: Asker, request: NewApiKey, key: string, done: (outcome: CreatedApiKey) => void): Code {
    const { commandId, name, role, ownerId } = request;
    const earlier = this.#byId.get(commandId)?.state;
    const keyHash =
      earlier?.name === name && earlier.role === role && earlier.ownerId === ownerId ? earlier.keyHash : hashOf(key);
    const command = {
      aggregate: AGGREGATE,
      id: commandId,
      commandId,
      command: { type: "CreateApiKey", id: commandId, name, role, ownerId, keyHash },
    };
    return this.#dispatcher.objectCommand(asker, command, (outcome) => {
      if (outcome.state !== null && !outcome.replayed) this.#learn(outcome.state as unknown as ApiKeyState);
      done({ ...outcome, key: outcome.code === "ok" && !outcome.replayed ? key : null });
    });
  }

  #learn(state: ApiKeyState): void {
    const ownerId = state.ownerId === "" ? new Uint32Array(4) : new Uint32Array(uuidBytes(state.ownerId).buffer);
    const wasActive = this.#byId.get(state.id)?.state.revokedAtMs === null;
    const known: KnownKey = { state, caller: { role: state.role, ownerId, keyId: state.id } };
    this.#byId.set(state.id, known);
    this.#byHash.set(state.keyHash, known);
    if (wasActive && state.revokedAtMs !== null) this.#onRevoked(state.id);
  }
}

/**
 * What was found at the start: a key that works, a fresh one to show, a configured key that was revoked, or no admin's key
 * that still works.
 */
export type BootstrapResult =
  | { readonly kind: "configured" | "revoked" | "no_admin" }
  | { readonly kind: "generated"; readonly key: string };

/** 256 random bits under a prefix by which a leaked key is recognised. */
function newSecret(): string {
  return `mizan_${randomBytes(32).toString("base64url")}`;
}

function hashOf(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}
