import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { unreachable } from "../../protocol/unreachable.ts";
import { Books, type Fault, type Order, type Script } from "./books.ts";
import { type FawrySecrets, fawryWire } from "./fawry-wire.ts";
import { type PaymobSecrets, paymobWire } from "./paymob-wire.ts";
import type { Wire, WireAnswer, WireRequest, WireStep } from "./wire.ts";

/** Secrets that a sandbox and its merchant share, and where the merchant takes callbacks; empty for none. */
export interface SandboxOptions {
  readonly fawry: FawrySecrets & { readonly callbackUrl: string };
  readonly paymob: PaymobSecrets & { readonly callbackUrl: string };
  /** How long `slow` takes. */
  readonly slowMs: number;
}

const BODY_BYTES_MAX = 65_536;
/** A callback that is not answered with 200 is sent again so often. */
const CALLBACK_TRIES = 5;
const CALLBACK_RETRY_MS = 150;

/**
 * FawryPay and Paymob in one HTTP server, with the books of both in memory, that misbehaves as scripts say.
 *
 * Besides what the providers speak it knows `PUT /sandbox/scripts/{order or *}` with a `Script`,
 * `POST /sandbox/orders/{id}/pay|fail|expire`, and `GET /sandbox/orders`.
 */
export class SandboxProvider {
  readonly books = new Books();
  readonly #options: SandboxOptions;
  readonly #wires: readonly { readonly wire: Wire; readonly callbackUrl: string }[];
  readonly #wireOf = new Map<string, { readonly wire: Wire; readonly callbackUrl: string }>();
  readonly #server: Server;
  readonly #stopped = new AbortController();

  constructor(options: SandboxOptions) {
    this.#options = options;
    this.#wires = [
      { wire: fawryWire(options.fawry), callbackUrl: options.fawry.callbackUrl },
      { wire: paymobWire(options.paymob), callbackUrl: options.paymob.callbackUrl },
    ];
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch(() => response.destroy());
    });
  }

  /** Resolves with the base URL. */
  async start(port = 0): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(port, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  /** The person pays, once; the merchant is told. */
  async pay(id: string): Promise<void> {
    const order = this.#order(id);
    if (this.books.pay(order)) await this.#tell(order, "PAID");
  }

  /** An order ends unpaid; the merchant is told. */
  async end(id: string, state: "FAILED" | "EXPIRED"): Promise<void> {
    const order = this.#order(id);
    if (order.state !== "PENDING") return;
    order.state = state;
    await this.#tell(order, state);
  }

  /** Has an order be told of where another one is, as if its merchant had asked for it. */
  adopt(id: string, like: string): void {
    const known = this.#wireOf.get(like);
    if (known !== undefined) this.#wireOf.set(id, known);
  }

  #order(id: string): Order {
    const order = this.books.orders.get(id);
    if (order === undefined) throw new Error(`there is no order ${id}`);
    return order;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const read = await readRequest(request);
    if (read.path.startsWith("/sandbox/")) {
      answer(response, await this.#control(read));
      return;
    }
    for (const { wire, callbackUrl } of this.#wires) {
      const step = wire.read(read, this.books);
      if (step === undefined) continue;
      if (step.operation === "initiate") this.#wireOf.set(step.id, { wire, callbackUrl });
      await this.#perform(step, response);
      return;
    }
    answer(response, { status: 404, json: {} });
  }

  async #perform(step: WireStep, response: ServerResponse): Promise<void> {
    const { id, operation } = step;
    const script = this.books.script(id);
    const fault =
      operation === "status" ? this.books.statusFault(id) : operation === "token" ? undefined : script[operation];
    if (fault === undefined || fault === "slow" || fault.endsWith("after") || fault === "broken") {
      const acted = step.act();
      const order = this.books.orders.get(id);
      const pays = operation === "initiate" && script.pays === true && order?.kind === "top_up";
      const paid = pays ? this.pay(id) : undefined;
      if (script.callbacks === "before_answer") await paid;
      else paid?.catch(() => {});
      await this.#answerWith(fault, acted, response);
    } else await this.#answerWith(fault, step.refused, response);
  }

  async #answerWith(fault: Fault | undefined, acted: WireAnswer, response: ServerResponse): Promise<void> {
    switch (fault) {
      case undefined:
      case "refused":
        answer(response, acted);
        break;
      case "slow":
        await delay(this.#options.slowMs, undefined, { ref: false });
        answer(response, acted);
        break;
      case "error_before":
      case "error_after":
        answer(response, { status: 503, json: {} });
        break;
      case "reset_before":
      case "reset_after":
        response.destroy();
        break;
      case "broken":
        response.writeHead(200, { "content-type": "application/json" }).end("{not JSON");
        break;
      default:
        unreachable(fault);
    }
  }

  /** Sends what the script of an order leaves of the callbacks that it should have. */
  async #tell(order: Order, state: Order["state"]): Promise<void> {
    const { callbacks } = this.books.script(order.id);
    if (callbacks === "lost") return;
    const states = callbacks === "out_of_order" ? [state, "PENDING" as const] : [state];
    const isForged = callbacks === "forged";
    for (const one of states) {
      const send = (): Promise<void> => this.#send(order, one, isForged);
      await (callbacks === "twice" ? Promise.all([send(), send()]) : send());
    }
  }

  async #send(order: Order, state: Order["state"], isForged: boolean): Promise<void> {
    const known = this.#wireOf.get(order.id);
    if (known === undefined || known.callbackUrl === "") return;
    const { url, json } = known.wire.callback(order, known.callbackUrl, state, isForged);
    for (let tries = 0; tries < CALLBACK_TRIES && !this.#stopped.signal.aborted; tries += 1) {
      try {
        const headers = { "content-type": "application/json" };
        const { signal } = this.#stopped;
        const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(json), signal });
        await response.body?.cancel();
        order.callbacks.push(response.status);
        if (response.status === 200) return;
      } catch {
        // The merchant is down; it is told later, or never.
      }
      await delay(CALLBACK_RETRY_MS, undefined, { ref: false });
    }
  }

  async #control({ method, path, body }: WireRequest): Promise<WireAnswer> {
    const [, , what, id = "", action] = path.split("/");
    if (what === "orders" && method === "GET") return { status: 200, json: [...this.books.orders.values()] };
    if (what === "scripts" && method === "PUT") {
      this.books.setScript(id, body as Script);
      return { status: 200, json: {} };
    }
    if (what !== "orders" || method !== "POST" || !this.books.orders.has(id)) return { status: 404, json: {} };
    if (action === "pay") await this.pay(id);
    else if (action === "fail") await this.end(id, "FAILED");
    else if (action === "expire") await this.end(id, "EXPIRED");
    else return { status: 404, json: {} };
    return { status: 200, json: this.books.orders.get(id) };
  }
}

async function readRequest(request: IncomingMessage): Promise<WireRequest> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    if (bytes > BODY_BYTES_MAX) throw new Error("the body is too long");
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString();
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
  const isForm = request.headers["content-type"]?.startsWith("application/x-www-form-urlencoded") === true;
  const body = isForm ? Object.fromEntries(new URLSearchParams(text)) : text === "" ? {} : JSON.parse(text);
  return { method: request.method ?? "GET", path: pathname, query: searchParams, headers: request.headers, body };
}

function answer(response: ServerResponse, { status, json }: WireAnswer): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(json));
}
