/** Requests to a real HTTP server that answers, or does not, as each test says. */

import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { type CallLimits, ProviderCalls } from "./provider-calls.ts";
import { ProviderFailure } from "./provider-failure.ts";

const LIMITS: CallLimits = {
  timeoutMs: 60_000,
  concurrentMax: 4,
  queuedMax: 4,
  breakerFailures: 100,
  breakerOpenMs: 50,
};

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
});

async function serving(listener: RequestListener): Promise<string> {
  server = createServer(listener);
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

const json = ({ json: body }: { readonly json: unknown }): unknown => body;
const kindOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => value,
    (error: unknown) => (error instanceof ProviderFailure ? error.kind : error),
  );

describe("a request to a provider", () => {
  test("that only asks is sent again where it was not answered; one that changes something is not", async () => {
    let asked = 0;
    const url = await serving((_, response) => {
      asked += 1;
      response.writeHead(asked % 3 === 0 ? 200 : 503).end("{}");
    });
    const calls = new ProviderCalls(LIMITS);
    expect(await calls.send("status", { method: "GET", url }, json)).toEqual({});
    expect(asked).toBe(3);
    expect(await kindOf(calls.send("initiate", { method: "POST", url, body: {} }, json))).toBe("unanswered");
    expect(asked).toBe(4);
    expect([calls.count("status", "unanswered"), calls.count("status", "answered")]).toEqual([2, 1]);
  }, 120_000);

  test("that changes something is sent again where no connection came about", async () => {
    const url = await serving(() => {});
    await new Promise((resolve) => server?.close(resolve));
    const calls = new ProviderCalls(LIMITS);
    expect(await kindOf(calls.send("refund", { method: "POST", url, body: {} }, json))).toBe("unsent");
    expect(calls.count("refund", "unsent")).toBe(3);
  }, 120_000);

  test.each([
    { name: "no JSON", answer: "<html>" },
    { name: "no object", answer: "7" },
    { name: "too long", answer: JSON.stringify("x".repeat(300_000)) },
  ])("whose answer is $name is not answered", async ({ answer }) => {
    const url = await serving((_, response) => response.end(answer));
    expect(await kindOf(new ProviderCalls(LIMITS).send("refund", { method: "GET", url }, json))).toBe("unanswered");
  });

  test("does not follow where it is sent elsewhere", async () => {
    let seen = 0;
    const url = await serving((request, response) => {
      seen += 1;
      if (request.url === "/") response.writeHead(302, { location: "/elsewhere" }).end("{}");
      else response.end("{}");
    });
    const status = new ProviderCalls(LIMITS).send("status", { method: "GET", url }, (answer) => answer.status);
    expect([await status, seen]).toEqual([302, 1]);
  });

  test("that takes too long is not answered", async () => {
    const url = await serving(() => {});
    const calls = new ProviderCalls({ ...LIMITS, timeoutMs: 50 });
    expect(await kindOf(calls.send("initiate", { method: "POST", url, body: {} }, json))).toBe("unanswered");
  });

  test("beyond those that may run and wait is refused without being sent", async () => {
    let seen = 0;
    const open: (() => void)[] = [];
    const url = await serving((_, response) => {
      seen += 1;
      open.push(() => response.end("{}"));
    });
    const calls = new ProviderCalls({ ...LIMITS, concurrentMax: 2, queuedMax: 1 });
    const sent = [1, 2, 3].map(() => calls.send("initiate", { method: "POST", url, body: {} }, json));
    expect(calls.isUnavailable).toBe(true);
    expect(await kindOf(calls.send("initiate", { method: "POST", url, body: {} }, json))).toBe("unsent");
    expect(calls.count("initiate", "unavailable")).toBe(1);
    while (seen < 3) {
      open.shift()?.();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    for (const end of open) end();
    expect(await Promise.all(sent)).toEqual([{}, {}, {}]);
    expect(calls.isUnavailable).toBe(false);
  }, 120_000);

  test("is not sent for a while after many have failed, and then one tries", async () => {
    let isUp = false;
    let seen = 0;
    const url = await serving((_, response) => {
      seen += 1;
      response.writeHead(isUp ? 200 : 500).end("{}");
    });
    const calls = new ProviderCalls({ ...LIMITS, breakerFailures: 2 });
    const send = (): Promise<unknown> => kindOf(calls.send("initiate", { method: "POST", url, body: {} }, json));
    expect([await send(), await send()]).toEqual(["unanswered", "unanswered"]);
    expect(calls.isBroken).toBe(true);
    expect(await send()).toBe("unsent");
    expect(seen).toBe(2);
    isUp = true;
    await expect.poll(send, { timeout: 60_000, interval: 20 }).toEqual({});
    expect(calls.isBroken).toBe(false);
  }, 120_000);

  test("that is refused counts as no failure of the provider", async () => {
    const url = await serving((_, response) => response.writeHead(400).end("{}"));
    const calls = new ProviderCalls({ ...LIMITS, breakerFailures: 1 });
    const refuse = (): never => {
      throw new ProviderFailure("refused", "HTTP 400");
    };
    for (let count = 0; count < 3; count += 1) {
      expect(await kindOf(calls.send("initiate", { method: "POST", url, body: {} }, refuse))).toBe("refused");
    }
    expect(calls.isBroken).toBe(false);
  });
});
