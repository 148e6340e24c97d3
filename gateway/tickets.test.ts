import { expect, test } from "vitest";
import type { Caller } from "./caller.ts";
import { Tickets } from "./tickets.ts";

const caller: Caller = { role: "user", ownerId: new Uint32Array(4), keyId: "1" };

test("a ticket is good once", () => {
  const tickets = new Tickets(1_000, 10);
  const { ticket, expiresAtMs } = tickets.issue(caller, 5_000);
  expect(expiresAtMs).toBe(6_000);
  expect(tickets.redeem(ticket, 5_999)).toBe(caller);
  expect(tickets.redeem(ticket, 5_999)).toBeUndefined();
  expect(tickets.redeem("mizan_ticket_guess", 5_000)).toBeUndefined();
});

test("a ticket is good until it expires", () => {
  const tickets = new Tickets(1_000, 10);
  const { ticket } = tickets.issue(caller, 5_000);
  expect(tickets.redeem(ticket, 6_000)).toBeUndefined();
});

test("a ticket too many makes the oldest worthless", () => {
  const tickets = new Tickets(1_000, 2);
  const issued = [1, 2, 3].map((nowMs) => tickets.issue(caller, nowMs).ticket);
  expect(new Set(issued).size).toBe(3);
  expect(issued.map((ticket) => tickets.redeem(ticket, 4) !== undefined)).toEqual([false, true, true]);
});
