import type { ChildProcess } from "node:child_process";
import { type ChildGroup, firstMessage } from "./child-group.ts";
import type { Endpoint } from "./load/workload.ts";

const START_MS_MAX = 10_000;

/** The echo server in a process of its own. */
export class Echo {
  readonly endpoint: Endpoint;
  readonly #server: ChildProcess;
  readonly #group: ChildGroup;

  private constructor(endpoint: Endpoint, server: ChildProcess, group: ChildGroup) {
    this.endpoint = endpoint;
    this.#server = server;
    this.#group = group;
  }

  static async start(group: ChildGroup): Promise<Echo> {
    const server = group.fork(new URL("./load/echo-server.ts", import.meta.url));
    const { port } = await firstMessage<{ port: number }>(server, START_MS_MAX);
    // A key as long as the ledger's, so that requests are of the same length.
    return new Echo({ host: "127.0.0.1", port, key: "echo".repeat(8) }, server, group);
  }

  get pid(): number {
    return this.#server.pid ?? 0;
  }

  stop(): Promise<void> {
    return this.#group.end(this.#server);
  }
}
