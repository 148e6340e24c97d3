import { Mizan, type MizanError, type MizanOptions } from "../client/index.ts";
import {
  type ScriptedConnection,
  type ScriptedOptions,
  type ScriptedRequest,
  ScriptedServer,
} from "./scripted-server.ts";

export const API_KEY = "a-key";

/** A scripted server and the clients that a test connects to it. */
export class ScriptedSession {
  server: ScriptedServer;
  readonly #clients: Mizan[] = [];

  private constructor(server: ScriptedServer) {
    this.server = server;
  }

  static async start(): Promise<ScriptedSession> {
    return new ScriptedSession(await ScriptedServer.start());
  }

  /** Puts a server that announces other limits in place of the first. */
  async restart(options: ScriptedOptions): Promise<void> {
    await this.server.stop();
    this.server = await ScriptedServer.start(options);
  }

  async connect(options: Partial<MizanOptions> = {}): Promise<Mizan> {
    const client = await Mizan.connect({ url: this.server.url, apiKey: API_KEY, encoding: "json", ...options });
    this.#clients.push(client);
    return client;
  }

  /** A script: applies each command once, and answers. */
  readonly serve = (request: ScriptedRequest, connection: ScriptedConnection): void => {
    answer(connection, request, this.server.apply(request));
  };

  /** Cuts every connection, and lets the clients end. */
  async stop(): Promise<void> {
    await this.server.stop();
    await Promise.all(this.#clients.map((client) => client.close()));
  }
}

/** Answers a request with the results of its commands. */
export function answer(connection: ScriptedConnection, { requestId }: ScriptedRequest, results: object[]): void {
  connection.send({ requestId, ok: true, result: { results } });
}

/** The error that a call ends with. */
export async function failureOf(call: Promise<unknown>): Promise<MizanError> {
  try {
    await call;
  } catch (error) {
    return error as MizanError;
  }
  throw new Error("the call should have failed");
}
