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
  readonly url?: string;
  /** Addresses of its nodes, where it has several; the client finds the one that leads. */
  readonly urls?: readonly string[];
  readonly apiKey: string;
  /** `replicated` has every answer wait until the log has confirmed it, where the ledger's own do not. Default: local. */
  readonly acks?: "local" | "replicated";
  /** Opens the WebSocket where headers can be sent with it; without it a single-use ticket is fetched first. */
  readonly connect?: ((request: ConnectRequest) => Socket) | undefined;
}

/** The header that names the caller. */
export function authorizationOf(endpoint: Endpoint): { readonly authorization: string } {
  return { authorization: `Bearer ${endpoint.apiKey}` };
}

/**
 * Begins to open a WebSocket to a node.
 *
 * **Errors**: MizanError `unauthenticated` where the key is not accepted; any other failure may pass.
 */
export async function openSocket(
  endpoint: Endpoint,
  node: string,
  subprotocol: Subprotocol,
  timeoutMs: number,
): Promise<Socket> {
  const url = `${node}/v1/ws`.replace(/^http/, "ws");
  const asked = new URLSearchParams(endpoint.acks === "replicated" ? { acks: "replicated" } : {});
  if (endpoint.connect !== undefined) {
    const query = asked.size === 0 ? "" : `?${asked}`;
    return endpoint.connect({ url: `${url}${query}`, subprotocol, headers: authorizationOf(endpoint) });
  }
  asked.set("ticket", await fetchTicket(endpoint, node, timeoutMs));
  return new WebSocket(`${url}?${asked}`, subprotocol);
}

async function fetchTicket(endpoint: Endpoint, node: string, timeoutMs: number): Promise<string> {
  const response = await fetch(`${node}/api/v1/tickets`, {
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
