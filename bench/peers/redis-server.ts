import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ChildGroup, collectOutput } from "../child-group.ts";
import { freePort } from "../free-port.ts";
import type { Endpoint } from "../load/workload.ts";
import type { Acknowledged, PeerServer } from "./peer.ts";
import { PeerWallets } from "./peer-wallets.ts";
import { findPrograms } from "./program.ts";
import { readySession } from "./ready-session.ts";
import { loadRedisScript, type RedisReply, RedisSession } from "./redis-wire.ts";

const HOST = "127.0.0.1";
const WALLETS_PER_COMMAND = 5_000;
const ID_BYTES = 16;

/** How Redis is run: nothing but its log, which a run is too short to have rewritten. */
export const REDIS_SETTINGS: Readonly<Record<string, string>> = {
  appendonly: "yes",
  appendfsync: "always",
  "no-appendfsync-on-rewrite": "no",
  "auto-aof-rewrite-percentage": "0",
  save: "",
};

/** Redis on an empty directory: a key for each wallet and each transfer, which the scripts read and write. */
export class RedisServer implements PeerServer {
  readonly title: string;
  readonly directory: string;
  readonly endpoint: Endpoint;
  readonly pid: number;
  readonly wallets: Uint8Array;
  readonly #fundingKey: Uint8Array;
  readonly #session: RedisSession;
  readonly #end: () => Promise<void>;
  #acknowledged = 0;

  private constructor(
    title: string,
    directory: string,
    endpoint: Endpoint,
    pid: number,
    { ids, fundingId }: PeerWallets,
    session: RedisSession,
    end: () => Promise<void>,
  ) {
    this.title = title;
    this.directory = directory;
    this.endpoint = endpoint;
    this.pid = pid;
    this.wallets = ids;
    this.#fundingKey = walletKey(fundingId, 0);
    this.#session = session;
    this.#end = end;
  }

  /** **Errors**: `PeerSkipped` where there is no Redis. */
  static async start(
    group: ChildGroup,
    directories: readonly string[],
    directory: string,
    walletCount: number,
  ): Promise<RedisServer> {
    const programs = findPrograms(directories, ["redis-server"]);
    const endpoint = { host: HOST, port: await freePort(HOST), key: randomBytes(24).toString("base64url") };
    const settings = { ...REDIS_SETTINGS, bind: HOST, port: endpoint.port, dir: directory, requirepass: endpoint.key };
    // In a file of its owner's, since every user of a machine sees the arguments of its processes.
    const file = join(directory, "redis.conf");
    const lines = Object.entries(settings).map(([name, value]) => `${name} "${value}"\n`);
    writeFileSync(file, lines.join(""), { mode: 0o600 });
    const server = group.spawnProgram({
      command: join(programs, "redis-server"),
      args: [file],
      cwd: directory,
      endSignal: "SIGKILL",
    });
    const output = collectOutput(server);
    const session = await readySession("Redis", server, output, () => RedisSession.open(endpoint));
    const version = /^redis_version:(.+)\r$/m.exec(String(await session.call("INFO", "server")))?.[1];
    const wallets = new PeerWallets(walletCount);
    await openWallets(session, wallets);
    return new RedisServer(`Redis ${version}`, directory, endpoint, server.pid ?? 0, wallets, session, () =>
      group.end(server),
    );
  }

  /** Whatever was acknowledged is in the log already. */
  async settle(): Promise<void> {}

  /** Runs a command on its books. */
  call(...words: readonly (string | Uint8Array)[]): Promise<RedisReply> {
    return this.#session.call(...words);
  }

  /** Loads one of the scripts; resolves with the hash that it is called by. */
  loadScript(name: string): Promise<string> {
    return loadRedisScript(this.#session, name);
  }

  async audit({ acceptedTotal, rejectedTotal, firstRejection }: Acknowledged): Promise<string | null> {
    this.#acknowledged += acceptedTotal;
    if (rejectedTotal > 0) return `${rejectedTotal} transfers were rejected: ${firstRejection}`;
    const walletCount = this.wallets.byteLength / ID_BYTES;
    const applied = Number(await this.#session.call("DBSIZE")) - walletCount - 1;
    if (applied !== this.#acknowledged) return `${this.#acknowledged} transfers were acknowledged, ${applied} applied`;
    let sumMinor = BigInt(String(await this.#session.call("GET", this.#fundingKey)));
    for (let first = 0; first < walletCount; first += WALLETS_PER_COMMAND) {
      const count = Math.min(WALLETS_PER_COMMAND, walletCount - first);
      const keys = Array.from({ length: count }, (_, nth) => walletKey(this.wallets, first + nth));
      const balances = await this.#session.call("MGET", ...keys);
      for (const balance of balances as readonly string[]) sumMinor += BigInt(balance);
    }
    return sumMinor === 0n ? null : `the balances of all accounts add up to ${sumMinor}`;
  }

  async stop(): Promise<void> {
    this.#session.close();
    await this.#end();
  }
}

/** The key of the nth wallet. */
function walletKey(ids: Uint8Array, nth: number): Uint8Array {
  return Buffer.concat([Buffer.from("w"), ids.subarray(nth * ID_BYTES, (nth + 1) * ID_BYTES)]);
}

/** Opens wallets that hold money, and the account that it came from. */
async function openWallets(session: RedisSession, { ids, fundsMinor, fundingId }: PeerWallets): Promise<void> {
  const count = ids.byteLength / ID_BYTES;
  for (let first = 0; first < count; first += WALLETS_PER_COMMAND) {
    const nths = Array.from({ length: Math.min(WALLETS_PER_COMMAND, count - first) }, (_, nth) => first + nth);
    await session.call("MSET", ...nths.flatMap((nth) => [walletKey(ids, nth), String(fundsMinor)]));
  }
  await session.call("SET", walletKey(fundingId, 0), String(-fundsMinor * count));
}
