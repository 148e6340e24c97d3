import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { TcpProxy } from "./tcp-proxy.ts";

const QUIET_MS = 100;

let server: Server;
let proxy: TcpProxy;
/** What the server has read, of all connections. */
let read: string;
const sockets: Socket[] = [];

beforeEach(async () => {
  read = "";
  server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => {
      read += bytes;
      socket.write(`<${bytes}>`);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  proxy = await TcpProxy.open((server.address() as AddressInfo).port);
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await proxy.close();
  server.close();
});

/** A client, and all that it has heard. */
interface Client {
  readonly socket: Socket;
  heard: string;
  error: string | undefined;
}

async function join(): Promise<Client> {
  const socket = connect(proxy.port, "127.0.0.1");
  const client: Client = { socket, heard: "", error: undefined };
  socket.on("data", (bytes) => {
    client.heard += bytes;
  });
  socket.on("error", ({ code }: NodeJS.ErrnoException) => {
    client.error = code;
  });
  sockets.push(socket);
  await new Promise((resolve) => socket.once("connect", resolve).once("close", resolve));
  return client;
}

async function hears(client: Client, text: string): Promise<void> {
  await expect.poll(() => client.heard).toBe(text);
}

describe("a proxy", () => {
  test("passes everything both ways, in order, and the end too", async () => {
    const large = "x".repeat(3 << 20);
    const client = await join();
    client.socket.end(large);
    await expect.poll(() => read.length, { timeout: 10_000 }).toBe(large.length);
    await expect.poll(() => client.heard.replaceAll(/[<>]/g, "").length, { timeout: 10_000 }).toBe(large.length);
    await expect.poll(() => client.socket.closed).toBe(true);
    expect(client.error).toBeUndefined();
  });

  test("passes nothing while it is cut, either way, and keeps connections open", async () => {
    const [client, other] = [await join(), await join()];
    client.socket.write("a");
    other.socket.write("-");
    await Promise.all([hears(client, "<a>"), hears(other, "<->")]);
    proxy.cut();
    client.socket.write("b");
    for (const socket of sockets) if (socket !== client.socket && socket !== other.socket) socket.write("!");
    const late = await join();
    late.socket.write("c");
    await delay(QUIET_MS);
    expect(read).toMatch(/^(a-|-a)$/);
    expect([client.heard, other.heard, late.heard]).toEqual(["<a>", "<->", ""]);
    expect([client.error, other.error, late.error]).toEqual([undefined, undefined, undefined]);
    await proxy.restore();
    await hears(client, "<a>!<b>");
    await hears(other, "<->!");
    await hears(late, "<c>");
  });

  test("resets what is open and refuses what is new, until it is restored", async () => {
    const client = await join();
    client.socket.write("a");
    await hears(client, "<a>");
    await proxy.refuse();
    await expect.poll(() => client.error).toBe("ECONNRESET");
    expect((await join()).error).toBe("ECONNREFUSED");
    await proxy.restore();
    const next = await join();
    next.socket.write("b");
    await hears(next, "<b>");
  });

  test("resets what is open and welcomes what is new", async () => {
    const client = await join();
    client.socket.write("a");
    await hears(client, "<a>");
    proxy.reset();
    await expect.poll(() => client.error).toBe("ECONNRESET");
    const next = await join();
    next.socket.write("b");
    await hears(next, "<b>");
  });

  test("brings one request to the server and loses its answer", async () => {
    const client = await join();
    const lost = proxy.loseAnswer((bytes) => bytes.toString() === "pay");
    client.socket.write("ask");
    await hears(client, "<ask>");
    client.socket.write("pay");
    expect(await lost).toBe(true);
    await expect.poll(() => client.error).toBe("ECONNRESET");
    expect(read).toBe("askpay");
    expect(client.heard).toBe("<ask>");
    const again = await join();
    again.socket.write("pay");
    await hears(again, "<pay>");
  });

  test("forgets an answer to lose when it is restored first", async () => {
    const lost = proxy.loseAnswer();
    await proxy.restore();
    expect(await lost).toBe(false);
    const client = await join();
    client.socket.write("a");
    await hears(client, "<a>");
  });

  test("lets bytes arrive later, in order, until it is restored", async () => {
    const client = await join();
    client.socket.write("a");
    await hears(client, "<a>");
    proxy.delay(QUIET_MS);
    const startedMs = performance.now();
    client.socket.write("b");
    await hears(client, "<a><b>");
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(2 * QUIET_MS - 2);
    proxy.delay(60_000);
    client.socket.write("c");
    await delay(QUIET_MS);
    expect(client.heard).toBe("<a><b>");
  });

  test("resets a client whose server is not there", async () => {
    server.close();
    const client = await join();
    await expect.poll(() => client.error).toBe("ECONNRESET");
  });
});
