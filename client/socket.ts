import type { Subprotocol } from "../protocol/wire-frame.ts";
import type { Payload } from "./codec.ts";
import { MizanError } from "./errors.ts";

/** What the client needs of a WebSocket: the one of browsers and Node has it, and that of the package `ws` too. */
export interface Socket {
  binaryType: string;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  send(data: Payload): void;
  close(): void;
  /** Ends the connection without a word to the other side, where the implementation can. */
  terminate?(): void;
}

/** What a custom `connect` gets to open a WebSocket with. */
export interface ConnectRequest {
  readonly url: string;
  readonly subprotocol: Subprotocol;
  readonly headers: { readonly authorization: string };
}

/** Where and as whom to connect. */
export interface Endpoint {
  /** Address of the ledger over HTTP, such as `http://127.0.0.1:7070`. */
  readonly url: string;
  readonly apiKey: string;
  /** Opens the WebSocket where headers can be sent with it; without it a single-use ticket is fetched first. */
  readonly connect?: ((request: ConnectRequest) => Socket) | undefined;
}

/** The address of a path of the ledger. */
export function addressOf(endpoint: Endpoint, path: string): string {
  return `${endpoint.url.replace(/\/+$/, "")}${path}`;
}

/** The header that names the caller. */
export function authorizationOf(endpoint: Endpoint): { readonly authorization: string } {
  return { authorization: `Bearer ${endpoint.apiKey}` };
}

/**
 * Begins to open a WebSocket.
 *
 * **Errors**: MizanError `unauthenticated` where the key is not accepted; any other failure may pass.
 */
export async function openSocket(endpoint: Endpoint, subprotocol: Subprotocol, timeoutMs: number): Promise<Socket> {
  const url = addressOf(endpoint, "/v1/ws").replace(/^http/, "ws");
  if (endpoint.connect !== undefined) {
    return endpoint.connect({ url, subprotocol, headers: authorizationOf(endpoint) });
  }
  const ticket = await fetchTicket(endpoint, timeoutMs);
  return new WebSocket(`${url}?ticket=${encodeURIComponent(ticket)}`, subprotocol);
}

async function fetchTicket(endpoint: Endpoint, timeoutMs: number): Promise<string> {
  const response = await fetch(addressOf(endpoint, "/api/v1/tickets"), {
    method: "POST",
    headers: authorizationOf(endpoint),
    signal: AbortSignal.timeout(timeoutMs),
  });
  if (response.status === 401 || response.status === 403) {
    throw new MizanError("unauthenticated", `the ledger does not accept the API key (HTTP ${response.status})`);
  }
  const body: unknown = await response.json();
  if (response.status === 201 && typeof body === "object" && body !== null && "ticket" in body) {
    return String(body.ticket);
  }
  throw new Error(`no ticket: HTTP ${response.status}`);
}
