import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";

const HOST = "127.0.0.1";
const KAFKA = join(import.meta.dirname, "../deploy/kafka/main.ts");
const run = promisify(execFile);

/** A Kafka broker for a run, on the same machine. */
export class Broker {
  readonly address: string;
  readonly pid: number;
  readonly #dataDir: string;

  private constructor(address: string, pid: number, dataDir: string) {
    this.address = address;
    this.pid = pid;
    this.#dataDir = dataDir;
  }

  /** Starts a broker with a directory of its own. **Errors**: rejects with what the program said. */
  static async start(dataDir: string): Promise<Broker> {
    const port = String(await freePort());
    const { stdout } = await run(process.execPath, [KAFKA, "start", "--json", "--data", dataDir, "--port", port]);
    const { pid } = JSON.parse(stdout) as { readonly pid: number };
    return new Broker(`${HOST}:${port}`, pid, dataDir);
  }

  async stop(): Promise<void> {
    await run(process.execPath, [KAFKA, "stop", "--data", this.#dataDir]);
  }
}

/** A free port whose next one is free, too: the broker takes both. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    if ((await isFree(port)) && (await isFree(port + 1))) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer().listen(port, HOST);
  const [first] = (await Promise.race([
    once(probe, "listening").then(() => [true]),
    once(probe, "error"),
  ])) as unknown[];
  probe.close();
  return first === true;
}
