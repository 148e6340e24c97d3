import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import WebSocket, { WebSocketServer } from "ws";
import type { Code } from "../protocol/codes.ts";

/** A request as a client of `mizan.json.v1` sends it. */
export interface ScriptedRequest {
  readonly requestId: number;
  readonly type: string;
  readonly commands: readonly { readonly id: string; readonly type: string; readonly linked?: boolean }[];
  readonly walletId?: string;
  readonly ownerId?: string;
  readonly fromVersion?: number;
}

/** What the server says to a connection, as the test decides. */
export interface ScriptedConnection {
  /** Number of the connection, from 0. */
  readonly index: number;
  /** Credentials that came with it: the ticket or the header. */
  readonly credentials: string;
  readonly isOpen: boolean;
  send(message: object | string): void;
  /** Cuts the connection without a closing handshake. */
  cut(): void;
}

type Script = (request: ScriptedRequest, connection: ScriptedConnection) => void;

/** What the server does with a request unless the test says otherwise. */
const OBEDIENT: Script = () => {};

export interface ScriptedOptions {
  readonly heartbeatIntervalMs?: number;
  readonly inflightMax?: number;
  readonly commandsPerMessageMax?: number;
}

/**
 * A server whose answers a test writes itself, for the faults that a real ledger does not produce on demand: answers lost,
 * late, twice or out of order, connections cut or silent.
 */
export class ScriptedServer {
  readonly requests: { readonly connection: number; readonly request: ScriptedRequest }[] = [];
  readonly connections: ScriptedConnection[] = [];
  /** Ids of the commands that were applied. */
  readonly applied = new Set<string>();
  script: Script = OBEDIENT;
  /** Status of the answer to a request for a ticket. */
  ticketStatus = 201;
  ticketsIssued = 0;
  readonly #options: ScriptedOptions;
  readonly #http: Server;
  readonly #sockets = new WebSocketServer({ noServer: true });

  private constructor(options: ScriptedOptions) {
    this.#options = options;
    this.#http = createServer((request, response) => this.#answerHttp(request, response));
    this.#http.on("upgrade", (request, socket, head) => {
      this.#sockets.handleUpgrade(request, socket, head, (opened) => this.#open(opened, request));
    });
  }

  static async start(options: ScriptedOptions = {}): Promise<ScriptedServer> {
    const server = new ScriptedServer(options);
    server.#http.listen(0, "127.0.0.1");
    await once(server.#http, "listening");
    return server;
  }

  get url(): string {
    const address = this.#http.address();
    if (address === null || typeof address === "string") throw new Error("the server does not listen");
    return `http://127.0.0.1:${address.port}`;
  }

  /** The requests of a type, in the order in which they came. */
  requestsOf(type: string): readonly ScriptedRequest[] {
    return this.requests.flatMap(({ request }) => (request.type === type ? [request] : []));
  }

  /** The ids of each message with commands, in the order in which they came. */
  get batches(): readonly (readonly string[])[] {
    return this.requestsOf("Batch").map(({ commands }) => commands.map(({ id }) => id));
  }

  /** Applies the commands of a request, each once as a ledger does, and returns their results. */
  apply(request: ScriptedRequest): object[] {
    return request.commands.map(({ id }) => {
      const isReplayed = this.applied.has(id);
      this.applied.add(id);
      return appliedResult(isReplayed);
    });
  }

  async stop(): Promise<void> {
    for (const connection of this.connections) connection.cut();
    this.#sockets.close();
    this.#http.closeAllConnections();
    this.#http.close();
    await once(this.#http, "close");
  }

  #answerHttp(request: IncomingMessage, response: ServerResponse): void {
    request.resume();
    if (request.url !== "/api/v1/tickets" || this.ticketStatus !== 201) {
      response.writeHead(this.ticketStatus === 201 ? 404 : this.ticketStatus).end("{}");
      return;
    }
    this.ticketsIssued += 1;
    const ticket = `ticket ${this.ticketsIssued} of ${request.headers.authorization}`;
    response.writeHead(201, { "content-type": "application/json" });
    response.end(JSON.stringify({ ticket, expiresAt: new Date(Date.now() + 60_000).toISOString() }));
  }

  #open(socket: WebSocket, upgrade: IncomingMessage): void {
    const ticket = new URL(upgrade.url ?? "", "http://localhost").searchParams.get("ticket");
    const connection: ScriptedConnection = {
      index: this.connections.length,
      credentials: ticket ?? upgrade.headers.authorization ?? "",
      get isOpen() {
        return socket.readyState === WebSocket.OPEN;
      },
      send: (message) => socket.send(typeof message === "string" ? message : JSON.stringify(message)),
      cut: () => socket.terminate(),
    };
    this.connections.push(connection);
    socket.on("message", (data) => {
      const request = JSON.parse(data.toString()) as ScriptedRequest;
      this.requests.push({ connection: connection.index, request });
      this.script(request, connection);
    });
    connection.send({
      type: "Welcome",
      minor: 0,
      commandsPerMessageMax: this.#options.commandsPerMessageMax ?? 8_190,
      messageBytesMax: 4_194_304,
      inflightMax: this.#options.inflightMax ?? 4_096,
      lookupsPerMessageMax: 1_024,
      subscriptionsMax: 10_000,
      shards: 1,
      heartbeatIntervalMs: this.#options.heartbeatIntervalMs ?? 60_000,
    });
  }
}

/** The JSON of a command that was applied. */
export function appliedResult(replayed = false): object {
  const result = { id: "", walletId: "", postedMinor: 1, availableMinor: 1, version: 1, position: "0:1" };
  return replayed ? { ok: true, replayed, result } : { ok: true, result };
}

/** The JSON of a refusal. */
export function refusedResult(code: Code): object {
  return { ok: false, error: { code, message: code } };
}

/** Resolves when a condition holds; a test that waits for one which never does ends by its own timeout. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await delay(2);
}
