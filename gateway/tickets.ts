import { randomBytes } from "node:crypto";
import type { Caller } from "./caller.ts";

interface OpenTicket {
  readonly caller: Caller;
  readonly expiresAtMs: number;
}

/** Tickets that each open one socket, for browsers, which cannot send a header with it. They live in memory alone. */
export class Tickets {
  readonly #ttlMs: number;
  readonly #ticketsMax: number;
  /** In the order of issue, which is that of expiry too. */
  readonly #open = new Map<string, OpenTicket>();

  constructor(ttlMs: number, ticketsMax: number) {
    this.#ttlMs = ttlMs;
    this.#ticketsMax = ticketsMax;
  }

  issue(caller: Caller, nowMs: number): { ticket: string; expiresAtMs: number } {
    for (const [ticket, { expiresAtMs }] of this.#open) {
      if (expiresAtMs > nowMs && this.#open.size < this.#ticketsMax) break;
      this.#open.delete(ticket);
    }
    const ticket = `mizan_ticket_${randomBytes(32).toString("base64url")}`;
    const expiresAtMs = nowMs + this.#ttlMs;
    this.#open.set(ticket, { caller, expiresAtMs });
    return { ticket, expiresAtMs };
  }

  redeem(ticket: string, nowMs: number): Caller | undefined {
    const open = this.#open.get(ticket);
    if (open === undefined) return undefined;
    this.#open.delete(ticket);
    return open.expiresAtMs > nowMs ? open.caller : undefined;
  }
}
