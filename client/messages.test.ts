/** How the client connects, fills its messages, bounds what waits, and closes. */

import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import WebSocket from "ws";
import { UuidV7 } from "../protocol/ids.ts";
import { until } from "../test/scripted-server.ts";
import { API_KEY, failureOf, ScriptedSession } from "../test/scripted-session.ts";
import { type Command, Mizan } from "./index.ts";

const ids = new UuidV7();
const walletId = ids.next();
const credit = { walletId, amountMinor: 1 };

let session: ScriptedSession;
beforeEach(async () => {
  session = await ScriptedSession.start();
});
afterEach(() => session.stop());

describe("messages", () => {
  test("gather the calls of one turn, and hold no more commands than the server takes", async () => {
    await session.restart({ commandsPerMessageMax: 4 });
    session.server.script = session.serve;
    const client = await session.connect();
    const results = await Promise.all(Array.from({ length: 10 }, () => client.credit(credit)));
    expect(session.server.batches.map(({ length }) => length)).toEqual([4, 4, 2]);
    expect(session.server.batches.flat()).toEqual(results.map(({ commandId }) => commandId));
  });

  test("never divide a linked run", async () => {
    await session.restart({ commandsPerMessageMax: 4 });
    session.server.script = session.serve;
    const client = await session.connect();
    const linked = [false, true, true, false, true, false, false];
    await client.batch(linked.map((isLinked): Command => ({ type: "Credit", ...credit, linked: isLinked })));
    expect(
      session.server.requestsOf("Batch").map(({ commands }) => commands.map((command) => command.linked === true)),
    ).toEqual([
      [false, true, true, false],
      [true, false, false],
    ]);
  });

  test("are bounded in flight, and the calls that wait go in larger ones", async () => {
    const held: (() => void)[] = [];
    session.server.script = (request, connection) => {
      held.push(() => session.serve(request, connection));
    };
    const client = await session.connect({ inFlightMax: 2 });
    const calls = [];
    for (let i = 0; i < 12; i += 1) {
      calls.push(client.credit(credit));
      await delay(1);
    }
    await until(() => held.length === 2);
    session.server.script = session.serve;
    for (const release of held) release();
    expect((await Promise.all(calls)).every(({ ok }) => ok)).toBe(true);
    expect(session.server.batches.map(({ length }) => length)).toEqual([1, 1, 10]);
  });

  test("that are not taken any more fail at once, and room comes back with the answers", async () => {
    const held: (() => void)[] = [];
    session.server.script = (request, connection) => {
      held.push(() => session.serve(request, connection));
    };
    const client = await session.connect({ pendingMax: 3 });
    const calls = [client.credit(credit), client.credit(credit), client.credit(credit)];
    expect(await failureOf(client.credit(credit))).toMatchObject({ code: "overloaded" });
    expect(await failureOf(client.getWallet(walletId))).toMatchObject({ code: "overloaded" });
    await until(() => held.length === 1);
    session.server.script = session.serve;
    for (const release of held) release();
    await Promise.all(calls);
    expect(await client.credit(credit)).toMatchObject({ ok: true });
  });

  test("leave out what cannot be sent, which is answered like the ledger would", async () => {
    session.server.script = session.serve;
    const client = await session.connect();
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    const good: Command = { type: "Credit", ...credit };
    const faulty: [Command, string][] = [
      [{ ...good, amountMinor: 0.5 }, "amount_invalid"],
      [{ ...good, amountMinor: 2 ** 53 }, "amount_invalid"],
      [{ ...good, walletId: "me" }, "invalid_request"],
      [{ type: "Transfer", fromWalletId: walletId, amountMinor: 1 } as Command, "invalid_request"],
      [{ ...good, reference: "mine" }, "invalid_request"],
      [{ ...good, expectedVersion: 0 }, "expected_version_invalid"],
      [{ ...good, metadata: cycle }, "invalid_request"],
      [{ ...good, metadata: { text: "x".repeat(1_024) } }, "metadata_too_large"],
      [{ ...good, currency: "XYZ" as "EGP" }, "currency_unknown"],
      [{ ...good, type: "Steal" as "Credit" }, "unknown_operation"],
    ];
    const results = await client.batch([good, ...faulty.map(([command]) => command), good]);
    expect(results.map((result) => (result.ok ? "ok" : result.code))).toEqual([
      "ok",
      ...faulty.map(([, code]) => code),
      "ok",
    ]);
    expect(session.server.batches).toEqual([[results[0]?.commandId, results.at(-1)?.commandId]]);
  });

  test("hold no run that cannot be whole", async () => {
    session.server.script = session.serve;
    const client = await session.connect();
    const linked: Command = { type: "Credit", ...credit, linked: true };
    const [broken, dragged] = await client.batch([
      { ...linked, amountMinor: -1 },
      { ...linked, linked: false },
    ]);
    expect([broken, dragged]).toMatchObject([{ code: "amount_invalid" }, { code: "linked_failed" }]);
    const stranger = client.credit(credit);
    expect(await client.batch([linked])).toMatchObject([{ ok: false, code: "linked_run_open" }]);
    expect(await stranger).toMatchObject({ ok: true });
    expect(session.server.batches).toEqual([[(await stranger).commandId]]);
  });

  test("of more commands than a batch may have are not sent", async () => {
    const client = await session.connect();
    const commands = new Array<Command>(8_191).fill({ type: "Credit", ...credit });
    expect(await failureOf(client.batch(commands))).toMatchObject({ code: "too_many_commands" });
    expect(await client.batch([])).toEqual([]);
    expect(session.server.requests).toEqual([]);
  });
});

describe("connecting", () => {
  test("takes a fresh ticket for every connection", async () => {
    session.server.script = session.serve;
    const client = await session.connect();
    session.server.connections[0]?.cut();
    await client.credit(credit);
    expect(session.server.connections.map(({ credentials }) => credentials)).toEqual([
      `ticket 1 of Bearer ${API_KEY}`,
      `ticket 2 of Bearer ${API_KEY}`,
    ]);
  });

  test("sends the key itself over a socket that can", async () => {
    session.server.script = session.serve;
    const client = await session.connect({
      connect: ({ url, subprotocol, headers }) => new WebSocket(url, subprotocol, { headers }),
    });
    expect(await client.credit(credit)).toMatchObject({ ok: true });
    expect(session.server.connections[0]?.credentials).toBe(`Bearer ${API_KEY}`);
    expect(session.server.ticketsIssued).toBe(0);
  });

  test("fails at once where the key is not accepted", async () => {
    session.server.ticketStatus = 401;
    expect(await failureOf(session.connect({ timeoutMs: 60_000 }))).toMatchObject({ code: "unauthenticated" });
  });

  test("waits for a server that is not ready yet", async () => {
    session.server.ticketStatus = 503;
    const connecting = session.connect();
    await delay(50);
    session.server.ticketStatus = 201;
    session.server.script = session.serve;
    expect(await (await connecting).credit(credit)).toMatchObject({ ok: true });
  });

  test("fails by its timeout where there is no server", async () => {
    const { url } = session.server;
    await session.server.stop();
    const error = await failureOf(Mizan.connect({ url, apiKey: API_KEY, timeoutMs: 100 }));
    expect(error).toMatchObject({ code: "unreachable" });
    expect(error.message).toContain(url);
    await session.restart({});
  });

  test("for the second time with a key that was revoked meanwhile ends every call", async () => {
    const client = await session.connect();
    const calls = [failureOf(client.credit(credit)), failureOf(client.getWallet(walletId))];
    await until(() => session.server.requests.length === 2);
    session.server.ticketStatus = 401;
    session.server.connections[0]?.cut();
    for (const error of await Promise.all(calls)) expect(error).toMatchObject({ code: "unauthenticated" });
    expect(await failureOf(client.credit(credit))).toMatchObject({ code: "unauthenticated" });
  });
});

describe("close", () => {
  test("waits for the calls that run, and takes no more", async () => {
    const held: (() => void)[] = [];
    session.server.script = (request, connection) => {
      held.push(() => session.serve(request, connection));
    };
    const client = await session.connect();
    const call = client.credit(credit);
    await until(() => held.length === 1);
    let isClosed = false;
    const closing = client.close().then(() => {
      isClosed = true;
    });
    expect(await failureOf(client.credit(credit))).toMatchObject({ code: "closed" });
    expect(isClosed).toBe(false);
    for (const release of held) release();
    expect(await call).toMatchObject({ ok: true });
    await closing;
    await until(() => session.server.connections[0]?.isOpen === false);
    await client.close();
  });

  test("ends with the timeouts of calls that get no answer", async () => {
    const client = await session.connect();
    const call = failureOf(client.credit(credit, { timeoutMs: 30 }));
    await client.close();
    expect(await call).toMatchObject({ code: "timeout" });
  });
});
