import { App, type HttpRequest, type HttpResponse } from "uWebSockets.js";
import { createHash, timingSafeEqual } from "node:crypto";
import type { Config } from "./config.ts";
import { type Listening, listen } from "./listen.ts";
import { sendProblem, statusLine } from "./problem.ts";
import type { SeedProgress } from "./seed/seed-progress.ts";

const NOT_READY = { status: "not_ready", role: "standby", epoch: 0 };

/**
 * What a node serves before it has any data: that it lives, that it is not ready, and how far it is.
 *
 * The only key that it knows is its own MIZAN_ADMIN_KEY.
 */
export class JoinServer {
  /** Records that the log has. */
  behindRecords = 0;
  seed: SeedProgress | undefined;
  readonly #config: Config;
  readonly #app = App();
  #listening: Listening | undefined;

  private constructor(config: Config) {
    this.#config = config;
    this.#app
      .get("/healthz", (response) => sendJson(response, 200, { ...NOT_READY, status: "alive" }))
      .get("/readyz", (response) => sendJson(response, 503, NOT_READY))
      .get("/api/v1/replication", (response, request) => this.#replication(response, request))
      .any("/*", (response) => sendProblem(response, "not_leader"));
  }

  /** **Errors**: `port_in_use`. */
  static async open(config: Config): Promise<JoinServer> {
    const server = new JoinServer(config);
    // A free port of now would be another one than that of the ledger.
    if (config.port !== 0) server.#listening = await listen(server.#app, config);
    return server;
  }

  close(): void {
    this.#listening?.close();
    this.#app.close();
  }

  #replication(response: HttpResponse, request: HttpRequest): void {
    const { acks, adminKey } = this.#config;
    if (adminKey === undefined || !isSame(request.getHeader("authorization"), `Bearer ${adminKey}`)) {
      sendProblem(response, "unauthenticated");
      return;
    }
    const { behindRecords, seed } = this;
    sendJson(response, 200, { role: "standby", isReplicated: true, acks, epoch: 0, behindRecords, seed, shards: [] });
  }
}

/** Compares secrets in a time that tells nothing about them. */
function isSame(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

function sendJson(response: HttpResponse, status: number, value: object): void {
  response.cork(() => {
    response.writeStatus(statusLine(status)).writeHeader("content-type", "application/json").end(JSON.stringify(value));
  });
}
