/** The client against a server that misbehaves: what is lost, late, doubled, refused or cut ends once for each call. */

import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { UuidV7 } from "../protocol/ids.ts";
import {
  appliedResult,
  refusedResult,
  type ScriptedConnection,
  type ScriptedRequest,
  until,
} from "../test/scripted-server.ts";
import { answer, failureOf, ScriptedSession } from "../test/scripted-session.ts";
import type { Command } from "./index.ts";

const ids = new UuidV7();
const walletId = ids.next();
const credit = { walletId, amountMinor: 1 };

let session: ScriptedSession;
beforeEach(async () => {
  session = await ScriptedSession.start();
});
afterEach(() => session.stop());

describe("a lost connection", () => {
  test("after the command was applied but before its answer: sent again under the same id, applied once", async () => {
    session.server.script = (request, connection) => {
      if (connection.index > 0) return session.serve(request, connection);
      session.server.apply(request);
      connection.cut();
    };
    const client = await session.connect();
    const result = await client.credit(credit);
    expect(result).toMatchObject({ ok: true, replayed: true, walletId });
    expect(session.server.batches).toEqual([[result.commandId], [result.commandId]]);
    expect(session.server.applied).toEqual(new Set([result.commandId]));
  });

  test("with some messages answered: only the others are sent again", async () => {
    session.server.script = (request, connection) => {
      if (connection.index > 0 || session.server.batches.length === 1) session.serve(request, connection);
      if (connection.index === 0 && session.server.batches.length === 3) connection.cut();
    };
    const client = await session.connect();
    const calls = [];
    for (let i = 0; i < 3; i += 1) {
      calls.push(client.credit(credit));
      // Each call in a turn of its own is a message of its own.
      await until(() => session.server.batches.length > i);
    }
    const [first, second, third] = await Promise.all(calls);
    expect(session.server.batches).toEqual([first, second, third, second, third].map((result) => [result?.commandId]));
    expect(first?.replayed).toBe(false);
  });

  test("several times in a row: every call ends exactly once", async () => {
    let cuts = 0;
    session.server.script = (request, connection) => {
      session.server.apply(request);
      if (cuts < 4 && session.server.batches.length % 2 === 1) {
        cuts += 1;
        connection.cut();
      } else session.serve(request, connection);
    };
    const client = await session.connect();
    const results = await Promise.all(Array.from({ length: 50 }, () => client.credit(credit)));
    expect(results.every(({ ok }) => ok)).toBe(true);
    expect(session.server.applied.size).toBe(50);
    expect(new Set(results.map(({ commandId }) => commandId))).toEqual(session.server.applied);
  });

  test("while nothing runs: the next call goes over the next one", async () => {
    session.server.script = session.serve;
    const client = await session.connect();
    session.server.connections[0]?.cut();
    expect(await client.credit(credit)).toMatchObject({ ok: true, replayed: false });
    await until(() => session.server.connections.length === 2);
  });

  test("whose call has given up meanwhile: it is not sent again", async () => {
    const client = await session.connect();
    const call = failureOf(client.credit(credit, { timeoutMs: 50 }));
    await until(() => session.server.batches.length === 1);
    session.server.ticketStatus = 503;
    session.server.connections[0]?.cut();
    expect(await call).toMatchObject({ code: "timeout" });
    session.server.ticketStatus = 201;
    session.server.script = session.serve;
    const later = await client.credit(credit);
    expect(session.server.batches.slice(1)).toEqual([[later.commandId]]);
  });

  test("with one call of a message given up: the others of it are sent again without it", async () => {
    const client = await session.connect();
    const brief = failureOf(client.credit(credit, { timeoutMs: 50 }));
    const patient = client.credit(credit);
    expect((await brief).commandIds).toEqual(session.server.batches[0]?.slice(0, 1));
    session.server.script = session.serve;
    session.server.connections[0]?.cut();
    const { commandId } = await patient;
    expect(session.server.batches[0]?.[1]).toBe(commandId);
    expect(session.server.batches.slice(1)).toEqual([[commandId]]);
  });
});

describe("a server without room", () => {
  test.each(["overloaded", "shutting_down", "in_progress"] as const)(
    "%s for a whole message: asked again under the same ids",
    async (code) => {
      let refusals = 0;
      session.server.script = (request, connection) => {
        refusals += 1;
        if (refusals > 3) session.serve(request, connection);
        else connection.send({ requestId: request.requestId, ...refusedResult(code) });
      };
      const client = await session.connect();
      const result = await client.credit(credit);
      expect(result).toMatchObject({ ok: true });
      expect(session.server.batches).toEqual(Array.from({ length: 4 }, () => [result.commandId]));
      expect(session.server.applied.size).toBe(1);
    },
  );

  test("for some commands of a batch: only those are asked again, linked runs whole", async () => {
    const names = ["a", "b", "c", "d", "e"];
    const commands = names.map((_, index): Command => {
      return { type: "Credit", ...credit, commandId: ids.next(), linked: index === 1 || index === 2 };
    });
    const idOf = (name: string) => commands[names.indexOf(name)]?.commandId;
    session.server.script = (request, connection) => {
      if (session.server.batches.length > 1) return session.serve(request, connection);
      const results = [appliedResult(), appliedResult(), refusedResult("overloaded"), appliedResult(), appliedResult()];
      answer(connection, request, results);
    };
    const client = await session.connect();
    const results = await client.batch(commands);
    expect(results.map(({ commandId }) => commandId)).toEqual(commands.map(({ commandId }) => commandId));
    expect(results.every(({ ok }) => ok)).toBe(true);
    expect(session.server.batches[1]).toEqual([idOf("b"), idOf("c"), idOf("d")]);
    expect(session.server.requestsOf("Batch")[1]?.commands.map(({ linked }) => linked === true)).toEqual([
      true,
      true,
      false,
    ]);
  });

  test("that never has any: the call ends by its timeout", async () => {
    session.server.script = ({ requestId }, connection) =>
      connection.send({ requestId, ...refusedResult("overloaded") });
    const client = await session.connect();
    const error = await failureOf(client.credit(credit, { timeoutMs: 100 }));
    expect(error).toMatchObject({ code: "timeout", commandIds: [session.server.batches[0]?.[0]] });
  });

  test("stops on the way: what it refused and what it left unanswered is done by the next one", async () => {
    session.server.script = (request, connection) => {
      if (connection.index > 0) return session.serve(request, connection);
      if (session.server.batches.length === 1) {
        connection.send({ requestId: request.requestId, ...refusedResult("shutting_down") });
        connection.send({ type: "Error", error: { code: "shutting_down", message: "bye" } });
      }
    };
    const client = await session.connect();
    expect(await client.credit(credit)).toMatchObject({ ok: true });
  });
});

describe("answers", () => {
  test("out of order find their calls", async () => {
    const held: [ScriptedRequest, ScriptedConnection][] = [];
    session.server.script = (request, connection) => {
      held.push([request, connection]);
      if (held.length < 3) return;
      for (const [late, to] of held.reverse()) {
        const position = `0:${held.length + late.requestId}`;
        to.send({ requestId: late.requestId, ok: true, result: { results: [positioned(position)] } });
      }
    };
    const client = await session.connect();
    const calls = [];
    for (let i = 0; i < 3; i += 1) {
      calls.push(client.credit(credit));
      await until(() => session.server.batches.length > i);
    }
    const results = await Promise.all(calls);
    const positions = session.server.requestsOf("Batch").map(({ requestId }) => `0:${3 + requestId}`);
    expect(results.map(({ position }) => position)).toEqual(positions);
  });

  test("twice, to nobody, or of an unknown kind change nothing", async () => {
    session.server.script = (request, connection) => {
      connection.send({ type: "SomethingNew", payload: 1 });
      connection.send({ requestId: request.requestId + 1_000, ok: true, result: { results: [appliedResult()] } });
      session.serve(request, connection);
      answer(connection, request, [refusedResult("wallet_not_found")]);
    };
    const client = await session.connect();
    for (let i = 0; i < 3; i += 1) expect(await client.credit(credit)).toMatchObject({ ok: true });
    expect(session.server.connections).toHaveLength(1);
  });

  test.each([
    ["with too few results", (requestId: number) => JSON.stringify({ requestId, ok: true, result: { results: [] } })],
    ["of another kind", (requestId: number) => JSON.stringify({ requestId, ok: true, result: { wallets: [] } })],
    ["that are no JSON", () => "{"],
    ["that are no object", () => "7"],
    ["that refuse without a reason", (requestId: number) => JSON.stringify({ requestId, ok: false })],
  ])("%s: the connection is given up, and the next one answers", async (_name, text) => {
    session.server.script = (request, connection) => {
      if (connection.index > 0) session.serve(request, connection);
      else connection.send(text(request.requestId));
    };
    const client = await session.connect();
    expect(await client.credit(credit)).toMatchObject({ ok: true });
    expect(session.server.connections).toHaveLength(2);
  });

  test("that come too late are let go, and the client goes on", async () => {
    let late = (): void => {};
    session.server.script = (request, connection) => {
      if (session.server.batches.length > 1) return session.serve(request, connection);
      late = () => session.serve(request, connection);
    };
    const client = await session.connect();
    const error = await failureOf(client.credit(credit, { timeoutMs: 30 }));
    expect(error).toMatchObject({ code: "timeout", commandIds: session.server.batches[0] });
    late();
    expect(await client.credit(credit)).toMatchObject({ ok: true, replayed: false });
    // The outcome of the first is found out by sending it again under its id.
    const [commandId = ""] = error.commandIds;
    expect(await client.credit({ ...credit, commandId })).toMatchObject({ ok: true, replayed: true, commandId });
  });

  test("of a part of a batch are not lost on the rest: the error names only what is unknown", async () => {
    await session.restart({ commandsPerMessageMax: 2 });
    session.server.script = (request, connection) => {
      if (session.server.batches.length === 1) session.serve(request, connection);
    };
    const client = await session.connect();
    const commands = Array.from({ length: 4 }, (): Command => ({ type: "Credit", ...credit, commandId: ids.next() }));
    const error = await failureOf(client.batch(commands, { timeoutMs: 50 }));
    expect(error.commandIds).toEqual(commands.slice(2).map(({ commandId }) => commandId));
  });
});

describe("signs of life", () => {
  test("a server that falls silent is left, and the call is done over the next connection", async () => {
    await session.restart({ heartbeatIntervalMs: 40 });
    session.server.script = (request, connection) => {
      if (connection.index > 0) session.serve(request, connection);
    };
    const client = await session.connect();
    expect(await client.credit(credit)).toMatchObject({ ok: true });
    await until(() => session.server.connections[0]?.isOpen === false);
  });

  test("a server that only sends heartbeats is kept", async () => {
    await session.restart({ heartbeatIntervalMs: 200 });
    await session.connect();
    for (let beat = 0; beat < 8; beat += 1) {
      await delay(100);
      session.server.connections[0]?.send({ type: "Heartbeat", timestampMs: Date.now() });
    }
    expect(session.server.connections).toHaveLength(1);
    expect(session.server.connections[0]?.isOpen).toBe(true);
  });
});

function positioned(position: string): object {
  return {
    ok: true,
    result: { id: "", walletId: "", postedMinor: 1, availableMinor: 1, version: 1, position },
  };
}
