/** Subscriptions over connections that break: no step twice, none out of order, and every gap marked. */

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { UuidV7 } from "../protocol/ids.ts";
import {
  refusedResult,
  type ScriptedConnection,
  type ScriptedRequest,
  ScriptedServer,
  until,
} from "../test/scripted-server.ts";
import { type BalanceUpdate, Mizan, MizanError, type Subscription } from "./index.ts";

const ids = new UuidV7();
const walletId = ids.next();
const ownerId = ids.next();

let server: ScriptedServer;
let mizan: Mizan;

beforeEach(async () => {
  server = await ScriptedServer.start();
  server.script = accept;
  mizan = await Mizan.connect({ url: server.url, apiKey: "a-key", encoding: "json" });
});
afterEach(async () => {
  await mizan.close();
  await server.stop();
});

function accept({ requestId }: ScriptedRequest, connection: ScriptedConnection): void {
  connection.send({ requestId, ok: true, result: {} });
}

interface Step {
  readonly version: number;
  readonly kind?: "state" | "change";
  readonly walletId?: string;
  readonly reset?: true;
  readonly conflated?: true;
}

function tell(connection: ScriptedConnection | undefined, ...steps: Step[]): void {
  const fixed = { currency: "EGP", status: "active", postedMinor: 1, availableMinor: 1, timestampMs: 1 };
  connection?.send({
    type: "Balances",
    deltas: steps.map((step) => ({
      ...fixed,
      kind: "change",
      walletId,
      position: `0:${step.version}`,
      ...step,
    })),
  });
}

/** Takes the next updates, each as its version and what marks it. */
async function take(subscription: Subscription, count: number): Promise<string[]> {
  const seen: string[] = [];
  while (seen.length < count) {
    const { value } = await subscription.next();
    if (value === undefined) return [...seen, "end"];
    seen.push(shown(value));
  }
  return seen;
}

function shown({ version, kind, reset, conflated }: BalanceUpdate): string {
  return `${kind} ${version}${reset ? " reset" : ""}${conflated ? " conflated" : ""}`;
}

async function endOf(subscription: Subscription): Promise<unknown> {
  return subscription.next().then(
    () => expect.unreachable("the subscription should have failed"),
    (error: unknown) => error,
  );
}

describe("a subscription to a wallet", () => {
  test("gives the state, then each change", async () => {
    const subscription = mizan.subscribe({ walletId });
    await subscription.ready;
    expect(server.requestsOf("Subscribe")).toMatchObject([{ topic: "wallet", walletId }]);
    expect(server.requestsOf("Subscribe")[0]).not.toHaveProperty("fromVersion");
    tell(server.connections[0], { kind: "state", version: 4 }, { version: 5 }, { version: 6 });
    expect(await take(subscription, 3)).toEqual(["state 4", "change 5", "change 6"]);
  });

  test("resumes after a lost connection with the last version, and gives no step twice", async () => {
    const subscription = mizan.subscribe({ walletId });
    await subscription.ready;
    tell(server.connections[0], { kind: "state", version: 4 }, { version: 5 });
    expect(await take(subscription, 2)).toEqual(["state 4", "change 5"]);
    server.connections[0]?.cut();
    await until(() => server.requestsOf("Subscribe").length === 2);
    expect(server.requestsOf("Subscribe")[1]).toMatchObject({ walletId, fromVersion: 5 });
    tell(server.connections[1], { version: 5 }, { version: 4 }, { version: 6 }, { version: 6 }, { version: 7 });
    expect(await take(subscription, 2)).toEqual(["change 6", "change 7"]);
  });

  test("resumes with what it has received, also where the reader has yet to take it", async () => {
    const subscription = mizan.subscribe({ walletId });
    await subscription.ready;
    tell(server.connections[0], { kind: "state", version: 1 }, { version: 2 });
    server.connections[0]?.send({ type: "Error", error: { code: "slow_consumer", message: "too slow" } });
    await until(() => server.requestsOf("Subscribe").length === 2);
    expect(server.requestsOf("Subscribe")[1]).toMatchObject({ fromVersion: 2 });
    tell(server.connections[1], { version: 3 });
    expect(await take(subscription, 3)).toEqual(["state 1", "change 2", "change 3"]);
  });

  test("is asked for once on each connection, also where the first one broke before the answer", async () => {
    server.script = (request, connection) => {
      if (connection.index === 0) connection.cut();
      else accept(request, connection);
    };
    await mizan.subscribe({ walletId }).ready;
    await mizan.subscribe({ walletId: ids.next() }).ready;
    expect(server.requests.map(({ connection }) => connection)).toEqual([0, 1, 1]);
  });

  test("passes a reset on, and marks one where steps are missing", async () => {
    const subscription = mizan.subscribe({ walletId }, { fromVersion: 3 });
    await subscription.ready;
    expect(server.requestsOf("Subscribe")).toMatchObject([{ fromVersion: 3 }]);
    tell(server.connections[0], { kind: "state", version: 9, reset: true }, { version: 12 });
    tell(server.connections[0], { version: 15, conflated: true });
    expect(await take(subscription, 3)).toEqual(["state 9 reset", "change 12 reset", "change 15 conflated"]);
  });

  test("goes back with a ledger that was restored from an older copy", async () => {
    const subscription = mizan.subscribe({ walletId });
    await subscription.ready;
    tell(server.connections[0], { kind: "state", version: 9 });
    expect(await take(subscription, 1)).toEqual(["state 9"]);
    server.connections[0]?.cut();
    await until(() => server.requestsOf("Subscribe").length === 2);
    tell(server.connections[1], { kind: "state", version: 7, reset: true }, { version: 8 });
    expect(await take(subscription, 2)).toEqual(["state 7 reset", "change 8"]);
  });

  test("is asked for again where the server had no room", async () => {
    server.script = (request, connection) => {
      if (server.requestsOf("Subscribe").length > 2) accept(request, connection);
      else connection.send({ requestId: request.requestId, ...refusedResult("overloaded") });
    };
    await mizan.subscribe({ walletId }).ready;
    expect(server.requestsOf("Subscribe")).toHaveLength(3);
  });

  test("that is refused ends with the ledger's code", async () => {
    server.script = ({ requestId }, connection) => connection.send({ requestId, ...refusedResult("forbidden") });
    const subscription = mizan.subscribe({ walletId });
    await expect(subscription.ready).rejects.toMatchObject({ code: "forbidden" });
    expect(await endOf(subscription)).toMatchObject({ code: "forbidden" });
    expect(await subscription.next()).toEqual({ done: true, value: undefined });
  });

  test("tells its callbacks the same", async () => {
    const seen: string[] = [];
    let failure: MizanError | undefined;
    const subscription = mizan.subscribe(
      { walletId },
      {
        onUpdate: (update) => seen.push(shown(update)),
        onError: (error) => {
          failure = error;
        },
      },
    );
    await subscription.ready;
    tell(server.connections[0], { kind: "state", version: 1 }, { version: 2 });
    await until(() => seen.length === 2);
    expect(seen).toEqual(["state 1", "change 2"]);
    server.ticketStatus = 401;
    server.connections[0]?.cut();
    await until(() => failure !== undefined);
    expect(failure).toMatchObject({ code: "unauthenticated" });
  });

  test("ends when its loop is left, and the topic is given up", async () => {
    const subscription = mizan.subscribe({ walletId });
    await subscription.ready;
    tell(server.connections[0], { kind: "state", version: 1 }, { version: 2 });
    for await (const { version } of subscription) {
      expect(version).toBe(1);
      break;
    }
    expect(await subscription.next()).toEqual({ done: true, value: undefined });
    await until(() => server.requestsOf("Unsubscribe").length === 1);
    expect(server.requestsOf("Unsubscribe")).toMatchObject([{ topic: "wallet", walletId }]);
    server.connections[0]?.cut();
    await until(() => server.connections.length === 2);
    const other = ids.next();
    await mizan.subscribe({ walletId: other }).ready;
    expect(server.requestsOf("Subscribe").map((request) => request.walletId)).toEqual([walletId, other]);
  });

  test("shares its topic with another one, each with its own steps", async () => {
    const first = mizan.subscribe({ walletId });
    await first.ready;
    tell(server.connections[0], { kind: "state", version: 5 }, { version: 6 });
    expect(await take(first, 2)).toEqual(["state 5", "change 6"]);
    const second = mizan.subscribe({ walletId: walletId.toUpperCase() }, { fromVersion: 4 });
    await second.ready;
    tell(server.connections[0], { version: 5 }, { version: 6 }, { version: 7 });
    expect(await take(second, 3)).toEqual(["change 5", "change 6", "change 7"]);
    expect(await take(first, 1)).toEqual(["change 7"]);
    first.close();
    tell(server.connections[0], { version: 8 });
    expect(await take(second, 1)).toEqual(["change 8"]);
    expect(server.requestsOf("Unsubscribe")).toEqual([]);
    server.connections[0]?.cut();
    await until(() => server.requestsOf("Subscribe").length === 3);
    expect(server.requestsOf("Subscribe")[2]).toMatchObject({ fromVersion: 8 });
  });

  test("is ended by close, without an error", async () => {
    const subscription = mizan.subscribe({ walletId });
    await subscription.ready;
    const last = subscription.next();
    await mizan.close();
    expect(await last).toEqual({ done: true, value: undefined });
    expect(() => mizan.subscribe({ walletId })).toThrow(expect.objectContaining({ code: "closed" }));
  });

  test("takes no malformed topic", () => {
    expect(() => mizan.subscribe({ walletId: "me" })).toThrow(MizanError);
    expect(() => mizan.subscribe({ walletId }, { fromVersion: -1 })).toThrow(MizanError);
    expect(server.requests).toEqual([]);
  });
});

describe("a slow reader", () => {
  test("gets the latest of each wallet, marked, and every step again once it has caught up", async () => {
    const subscription = mizan.subscribe({ walletId }, { bufferedMax: 3 });
    await subscription.ready;
    const steps = Array.from({ length: 9 }, (_, index): Step => ({ version: index + 2 }));
    tell(server.connections[0], { kind: "state", version: 1 }, ...steps);
    const marker = mizan.subscribe({ walletId: ids.next() });
    await marker.ready;
    expect(await take(subscription, 1)).toEqual(["change 10 conflated"]);
    tell(server.connections[0], { version: 11 }, { version: 12 });
    expect(await take(subscription, 2)).toEqual(["change 11", "change 12"]);
  });
});

describe("a subscription to an owner", () => {
  test("has a connection of its own, and after a reconnect only gives what is new", async () => {
    const [a, b, c] = [ids.next(), ids.next(), ids.next()];
    const subscription = mizan.subscribe({ ownerId });
    await subscription.ready;
    expect(server.requests).toMatchObject([{ connection: 1, request: { topic: "owner", ownerId } }]);
    const state = (id: string, version: number): Step => ({ kind: "state", walletId: id, version });
    tell(server.connections[1], state(a, 1), state(b, 1), { walletId: a, version: 2 });
    expect(await take(subscription, 3)).toEqual(["state 1", "state 1", "change 2"]);
    server.connections[1]?.cut();
    await until(() => server.requestsOf("Subscribe").length === 2);
    tell(server.connections[2], state(a, 2), state(b, 4), state(c, 1), { walletId: a, version: 3 });
    expect(await take(subscription, 3)).toEqual(["state 4 reset", "state 1", "change 3"]);
    subscription.close();
    await until(() => server.connections[2]?.isOpen === false);
    expect(server.connections[0]?.isOpen).toBe(true);
  });
});
