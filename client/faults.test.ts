/** The client against a server that misbehaves: what is lost, late, doubled, refused or cut ends once for each call. */

import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import WebSocket from "ws";
import { UuidV7 } from "../protocol/ids.ts";
import {
  appliedResult,
  refusedResult,
  type ScriptedConnection,
  type ScriptedOptions,
  type ScriptedRequest,
  ScriptedServer,
  until,
} from "../test/scripted-server.ts";
import { type Command, Mizan, MizanError, type MizanOptions } from "./index.ts";

const API_KEY = "a-key";
const ids = new UuidV7();
const walletId = ids.next();
const credit = { walletId, amountMinor: 1 };

let server: ScriptedServer;
const clients: Mizan[] = [];

beforeEach(async () => {
  server = await ScriptedServer.start();
});
afterEach(async () => {
  await server.stop();
  await Promise.all(clients.splice(0).map((client) => client.close()));
});

async function connect(options: Partial<MizanOptions> = {}): Promise<Mizan> {
  const client = await Mizan.connect({ url: server.url, apiKey: API_KEY, encoding: "json", ...options });
  clients.push(client);
  return client;
}

async function restart(options: ScriptedOptions): Promise<void> {
  await server.stop();
  server = await ScriptedServer.start(options);
}

function answer(connection: ScriptedConnection, { requestId }: ScriptedRequest, results: object[]): void {
  connection.send({ requestId, ok: true, result: { results } });
}

/** Applies and answers. */
const serve = (request: ScriptedRequest, connection: ScriptedConnection): void =>
  answer(connection, request, server.apply(request));

const failure = (call: Promise<unknown>): Promise<MizanError> =>
  call.then(
    () => expect.unreachable("the call should have failed"),
    (error: unknown) => {
      expect(error).toBeInstanceOf(MizanError);
      return error as MizanError;
    },
  );

describe("a lost connection", () => {
  test("after the command was applied but before its answer: sent again under the same id, applied once", async () => {
    server.script = (request, connection) => {
      if (connection.index > 0) return serve(request, connection);
      server.apply(request);
      connection.cut();
    };
    const client = await connect();
    const result = await client.credit(credit);
    expect(result).toMatchObject({ ok: true, replayed: true, walletId });
    expect(server.batches).toEqual([[result.commandId], [result.commandId]]);
    expect(server.applied).toEqual(new Set([result.commandId]));
  });

  test("with some messages answered: only the others are sent again", async () => {
    server.script = (request, connection) => {
      if (connection.index > 0 || server.batches.length === 1) serve(request, connection);
      if (connection.index === 0 && server.batches.length === 3) connection.cut();
    };
    const client = await connect();
    const calls = [];
    for (let i = 0; i < 3; i += 1) {
      calls.push(client.credit(credit));
      // Each call in a turn of its own is a message of its own.
      await until(() => server.batches.length > i);
    }
    const [first, second, third] = await Promise.all(calls);
    expect(server.batches).toEqual([first, second, third, second, third].map((result) => [result?.commandId]));
    expect(first?.replayed).toBe(false);
  });

  test("several times in a row: every call ends exactly once", async () => {
    let cuts = 0;
    server.script = (request, connection) => {
      server.apply(request);
      if (cuts < 4 && server.batches.length % 2 === 1) {
        cuts += 1;
        connection.cut();
      } else serve(request, connection);
    };
    const client = await connect();
    const results = await Promise.all(Array.from({ length: 50 }, () => client.credit(credit)));
    expect(results.every(({ ok }) => ok)).toBe(true);
    expect(server.applied.size).toBe(50);
    expect(new Set(results.map(({ commandId }) => commandId))).toEqual(server.applied);
  });

  test("while nothing runs: the next call goes over the next one", async () => {
    server.script = serve;
    const client = await connect();
    server.connections[0]?.cut();
    expect(await client.credit(credit)).toMatchObject({ ok: true, replayed: false });
    await until(() => server.connections.length === 2);
  });

  test("whose call has given up meanwhile: it is not sent again", async () => {
    const client = await connect();
    const call = failure(client.credit(credit, { timeoutMs: 50 }));
    await until(() => server.batches.length === 1);
    server.ticketStatus = 503;
    server.connections[0]?.cut();
    expect(await call).toMatchObject({ code: "timeout" });
    server.ticketStatus = 201;
    server.script = serve;
    const later = await client.credit(credit);
    expect(server.batches.slice(1)).toEqual([[later.commandId]]);
  });
});

describe("a server without room", () => {
  test.each(["overloaded", "shutting_down", "in_progress"] as const)(
    "%s for a whole message: asked again under the same ids",
    async (code) => {
      let refusals = 0;
      server.script = (request, connection) => {
        refusals += 1;
        if (refusals > 3) serve(request, connection);
        else connection.send({ requestId: request.requestId, ...refusedResult(code) });
      };
      const client = await connect();
      const result = await client.credit(credit);
      expect(result).toMatchObject({ ok: true });
      expect(server.batches).toEqual(Array.from({ length: 4 }, () => [result.commandId]));
      expect(server.applied.size).toBe(1);
    },
  );

  test("for some commands of a batch: only those are asked again, linked runs whole", async () => {
    const names = ["a", "b", "c", "d", "e"];
    const commands = names.map((_, index): Command => {
      return { type: "Credit", ...credit, commandId: ids.next(), linked: index === 1 || index === 2 };
    });
    const idOf = (name: string) => commands[names.indexOf(name)]?.commandId;
    server.script = (request, connection) => {
      if (server.batches.length > 1) return serve(request, connection);
      const results = [appliedResult(), appliedResult(), refusedResult("overloaded"), appliedResult(), appliedResult()];
      answer(connection, request, results);
    };
    const client = await connect();
    const results = await client.batch(commands);
    expect(results.map(({ commandId }) => commandId)).toEqual(commands.map(({ commandId }) => commandId));
    expect(results.every(({ ok }) => ok)).toBe(true);
    expect(server.batches[1]).toEqual([idOf("b"), idOf("c"), idOf("d")]);
    expect(server.requestsOf("Batch")[1]?.commands.map(({ linked }) => linked === true)).toEqual([true, true, false]);
  });

  test("that never has any: the call ends by its timeout", async () => {
    server.script = ({ requestId }, connection) => connection.send({ requestId, ...refusedResult("overloaded") });
    const client = await connect();
    const error = await failure(client.credit(credit, { timeoutMs: 100 }));
    expect(error).toMatchObject({ code: "timeout", commandIds: [server.batches[0]?.[0]] });
  });

  test("stops on the way: what it refused and what it left unanswered is done by the next one", async () => {
    server.script = (request, connection) => {
      if (connection.index > 0) return serve(request, connection);
      if (server.batches.length === 1) {
        connection.send({ requestId: request.requestId, ...refusedResult("shutting_down") });
        connection.send({ type: "Error", error: { code: "shutting_down", message: "bye" } });
      }
    };
    const client = await connect();
    expect(await client.credit(credit)).toMatchObject({ ok: true });
  });
});

describe("answers", () => {
  test("out of order find their calls", async () => {
    const held: [ScriptedRequest, ScriptedConnection][] = [];
    server.script = (request, connection) => {
      held.push([request, connection]);
      if (held.length < 3) return;
      for (const [late, to] of held.reverse()) {
        const position = `0:${held.length + late.requestId}`;
        to.send({ requestId: late.requestId, ok: true, result: { results: [positioned(position)] } });
      }
    };
    const client = await connect();
    const calls = [];
    for (let i = 0; i < 3; i += 1) {
      calls.push(client.credit(credit));
      await until(() => server.batches.length > i);
    }
    const results = await Promise.all(calls);
    const positions = server.requestsOf("Batch").map(({ requestId }) => `0:${3 + requestId}`);
    expect(results.map(({ position }) => position)).toEqual(positions);
  });

  test("twice, to nobody, or of an unknown kind change nothing", async () => {
    server.script = (request, connection) => {
      connection.send({ type: "SomethingNew", payload: 1 });
      connection.send({ requestId: request.requestId + 1_000, ok: true, result: { results: [appliedResult()] } });
      serve(request, connection);
      answer(connection, request, [refusedResult("wallet_not_found")]);
    };
    const client = await connect();
    for (let i = 0; i < 3; i += 1) expect(await client.credit(credit)).toMatchObject({ ok: true });
    expect(server.connections).toHaveLength(1);
  });

  test.each([
    ["with too few results", (requestId: number) => JSON.stringify({ requestId, ok: true, result: { results: [] } })],
    ["of another kind", (requestId: number) => JSON.stringify({ requestId, ok: true, result: { wallets: [] } })],
    ["that are no JSON", () => "{"],
    ["that are no object", () => "7"],
    ["that refuse without a reason", (requestId: number) => JSON.stringify({ requestId, ok: false })],
  ])("%s: the connection is given up, and the next one answers", async (_name, text) => {
    server.script = (request, connection) => {
      if (connection.index > 0) serve(request, connection);
      else connection.send(text(request.requestId));
    };
    const client = await connect();
    expect(await client.credit(credit)).toMatchObject({ ok: true });
    expect(server.connections).toHaveLength(2);
  });

  test("that come too late are let go, and the client goes on", async () => {
    let late = (): void => {};
    server.script = (request, connection) => {
      if (server.batches.length > 1) return serve(request, connection);
      late = () => serve(request, connection);
    };
    const client = await connect();
    const error = await failure(client.credit(credit, { timeoutMs: 30 }));
    expect(error).toMatchObject({ code: "timeout", commandIds: server.batches[0] });
    late();
    expect(await client.credit(credit)).toMatchObject({ ok: true, replayed: false });
    // The outcome of the first is found out by sending it again under its id.
    const [commandId = ""] = error.commandIds;
    expect(await client.credit({ ...credit, commandId })).toMatchObject({ ok: true, replayed: true, commandId });
  });

  test("of a part of a batch are not lost on the rest: the error names only what is unknown", async () => {
    await restart({ commandsPerMessageMax: 2 });
    server.script = (request, connection) => {
      if (server.batches.length === 1) serve(request, connection);
    };
    const client = await connect();
    const commands = Array.from({ length: 4 }, (): Command => ({ type: "Credit", ...credit, commandId: ids.next() }));
    const error = await failure(client.batch(commands, { timeoutMs: 50 }));
    expect(error.commandIds).toEqual(commands.slice(2).map(({ commandId }) => commandId));
  });
});

describe("signs of life", () => {
  test("a server that falls silent is left, and the call is done over the next connection", async () => {
    await restart({ heartbeatIntervalMs: 40 });
    server.script = (request, connection) => {
      if (connection.index > 0) serve(request, connection);
    };
    const client = await connect();
    expect(await client.credit(credit)).toMatchObject({ ok: true });
    await until(() => server.connections[0]?.isOpen === false);
  });

  test("a server that only sends heartbeats is kept", async () => {
    await restart({ heartbeatIntervalMs: 200 });
    await connect();
    for (let beat = 0; beat < 8; beat += 1) {
      await delay(100);
      server.connections[0]?.send({ type: "Heartbeat", timestampMs: Date.now() });
    }
    expect(server.connections).toHaveLength(1);
    expect(server.connections[0]?.isOpen).toBe(true);
  });
});

describe("messages", () => {
  test("gather the calls of one turn, and hold no more commands than the server takes", async () => {
    await restart({ commandsPerMessageMax: 4 });
    server.script = serve;
    const client = await connect();
    const results = await Promise.all(Array.from({ length: 10 }, () => client.credit(credit)));
    expect(server.batches.map(({ length }) => length)).toEqual([4, 4, 2]);
    expect(server.batches.flat()).toEqual(results.map(({ commandId }) => commandId));
  });

  test("never divide a linked run", async () => {
    await restart({ commandsPerMessageMax: 4 });
    server.script = serve;
    const client = await connect();
    const linked = [false, true, true, false, true, false, false];
    await client.batch(linked.map((isLinked): Command => ({ type: "Credit", ...credit, linked: isLinked })));
    expect(
      server.requestsOf("Batch").map(({ commands }) => commands.map((command) => command.linked === true)),
    ).toEqual([
      [false, true, true, false],
      [true, false, false],
    ]);
  });

  test("are bounded in flight, and the calls that wait go in larger ones", async () => {
    const held: (() => void)[] = [];
    server.script = (request, connection) => {
      held.push(() => serve(request, connection));
    };
    const client = await connect({ inFlightMax: 2 });
    const calls = [];
    for (let i = 0; i < 12; i += 1) {
      calls.push(client.credit(credit));
      await delay(1);
    }
    await until(() => held.length === 2);
    server.script = serve;
    for (const release of held) release();
    expect((await Promise.all(calls)).every(({ ok }) => ok)).toBe(true);
    expect(server.batches.map(({ length }) => length)).toEqual([1, 1, 10]);
  });

  test("that are not taken any more fail at once, and room comes back with the answers", async () => {
    const held: (() => void)[] = [];
    server.script = (request, connection) => {
      held.push(() => serve(request, connection));
    };
    const client = await connect({ pendingMax: 3 });
    const calls = [client.credit(credit), client.credit(credit), client.credit(credit)];
    expect(await failure(client.credit(credit))).toMatchObject({ code: "overloaded" });
    expect(await failure(client.getWallet(walletId))).toMatchObject({ code: "overloaded" });
    await until(() => held.length === 1);
    server.script = serve;
    for (const release of held) release();
    await Promise.all(calls);
    expect(await client.credit(credit)).toMatchObject({ ok: true });
  });

  test("leave out what cannot be sent, which is answered like the ledger would", async () => {
    server.script = serve;
    const client = await connect();
    const cycle: Record<string, unknown> = {};
    cycle["self"] = cycle;
    const good: Command = { type: "Credit", ...credit };
    const faulty: [Command, string][] = [
      [{ ...good, amountMinor: 0.5 }, "amount_invalid"],
      [{ ...good, amountMinor: 2 ** 53 }, "amount_invalid"],
      [{ ...good, walletId: "me" }, "invalid_request"],
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
    expect(server.batches).toEqual([[results[0]?.commandId, results.at(-1)?.commandId]]);
  });

  test("hold no run that cannot be whole", async () => {
    server.script = serve;
    const client = await connect();
    const linked: Command = { type: "Credit", ...credit, linked: true };
    const [broken, dragged] = await client.batch([
      { ...linked, amountMinor: -1 },
      { ...linked, linked: false },
    ]);
    expect([broken, dragged]).toMatchObject([{ code: "amount_invalid" }, { code: "linked_failed" }]);
    const stranger = client.credit(credit);
    expect(await client.batch([linked])).toMatchObject([{ ok: false, code: "linked_run_open" }]);
    expect(await stranger).toMatchObject({ ok: true });
    expect(server.batches).toEqual([[(await stranger).commandId]]);
  });

  test("of more commands than a batch may have are not sent", async () => {
    const client = await connect();
    const commands = new Array<Command>(8_191).fill({ type: "Credit", ...credit });
    expect(await failure(client.batch(commands))).toMatchObject({ code: "too_many_commands" });
    expect(await client.batch([])).toEqual([]);
    expect(server.requests).toEqual([]);
  });
});

describe("connecting", () => {
  test("takes a fresh ticket for every connection", async () => {
    server.script = serve;
    const client = await connect();
    server.connections[0]?.cut();
    await client.credit(credit);
    expect(server.connections.map(({ credentials }) => credentials)).toEqual([
      `ticket 1 of Bearer ${API_KEY}`,
      `ticket 2 of Bearer ${API_KEY}`,
    ]);
  });

  test("sends the key itself over a socket that can", async () => {
    server.script = serve;
    const client = await connect({
      connect: ({ url, subprotocol, headers }) => new WebSocket(url, subprotocol, { headers }),
    });
    expect(await client.credit(credit)).toMatchObject({ ok: true });
    expect(server.connections[0]?.credentials).toBe(`Bearer ${API_KEY}`);
    expect(server.ticketsIssued).toBe(0);
  });

  test("fails at once where the key is not accepted", async () => {
    server.ticketStatus = 401;
    expect(await failure(connect({ timeoutMs: 60_000 }))).toMatchObject({ code: "unauthenticated" });
  });

  test("waits for a server that is not ready yet", async () => {
    server.ticketStatus = 503;
    const connecting = connect();
    await delay(50);
    server.ticketStatus = 201;
    server.script = serve;
    expect(await (await connecting).credit(credit)).toMatchObject({ ok: true });
  });

  test("fails by its timeout where there is no server", async () => {
    const { url } = server;
    await server.stop();
    const error = await failure(Mizan.connect({ url, apiKey: API_KEY, timeoutMs: 100 }));
    expect(error).toMatchObject({ code: "unreachable" });
    expect(error.message).toContain(url);
    await restart({});
  });

  test("for the second time with a key that was revoked meanwhile ends every call", async () => {
    const client = await connect();
    const calls = [failure(client.credit(credit)), failure(client.getWallet(walletId))];
    await until(() => server.requests.length === 2);
    server.ticketStatus = 401;
    server.connections[0]?.cut();
    for (const error of await Promise.all(calls)) expect(error).toMatchObject({ code: "unauthenticated" });
    expect(await failure(client.credit(credit))).toMatchObject({ code: "unauthenticated" });
  });
});

describe("close", () => {
  test("waits for the calls that run, and takes no more", async () => {
    const held: (() => void)[] = [];
    server.script = (request, connection) => {
      held.push(() => serve(request, connection));
    };
    const client = await connect();
    const call = client.credit(credit);
    await until(() => held.length === 1);
    let isClosed = false;
    const closing = client.close().then(() => {
      isClosed = true;
    });
    expect(await failure(client.credit(credit))).toMatchObject({ code: "closed" });
    expect(isClosed).toBe(false);
    for (const release of held) release();
    expect(await call).toMatchObject({ ok: true });
    await closing;
    await until(() => server.connections[0]?.isOpen === false);
    await client.close();
  });

  test("ends with the timeouts of calls that get no answer", async () => {
    const client = await connect();
    const call = failure(client.credit(credit, { timeoutMs: 30 }));
    await client.close();
    expect(await call).toMatchObject({ code: "timeout" });
  });
});

function positioned(position: string): object {
  return {
    ok: true,
    result: { id: "", walletId: "", postedMinor: 1, availableMinor: 1, version: 1, position },
  };
}
