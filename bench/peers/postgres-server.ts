import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type ChildGroup, collectOutput } from "../child-group.ts";
import { freePort } from "../free-port.ts";
import type { Endpoint } from "../load/workload.ts";
import type { Acknowledged, PeerServer } from "./peer.ts";
import { PeerWallets } from "./peer-wallets.ts";
import { POSTGRES_USER, PostgresSession } from "./postgres-wire.ts";
import { findPrograms, unprivilegedAccount } from "./program.ts";
import { readySession } from "./ready-session.ts";

const HOST = "127.0.0.1";
const WALLETS_PER_INSERT = 10_000;
const SCHEMA = join(import.meta.dirname, "postgres-transfer.sql");

/** Whom it runs as where root started it; the first one that there is. */
export const POSTGRES_ACCOUNTS = ["postgres", "nobody"];

/** How PostgreSQL is run, beyond its defaults. The first three are defaults, and said so that nobody need look. */
export const POSTGRES_SETTINGS: Readonly<Record<string, string>> = {
  fsync: "on",
  synchronous_commit: "on",
  full_page_writes: "on",
  wal_level: "minimal",
  max_wal_senders: "0",
  max_connections: "200",
  shared_buffers: "1GB",
  wal_buffers: "64MB",
  max_wal_size: "8GB",
  checkpoint_timeout: "30min",
  jit: "off",
};

/** PostgreSQL on an empty directory, with the books of postgres-transfer.sql. */
export class PostgresServer implements PeerServer {
  readonly title: string;
  readonly directory: string;
  readonly endpoint: Endpoint;
  readonly pid: number;
  readonly wallets: Uint8Array;
  readonly #session: PostgresSession;
  readonly #end: () => Promise<void>;
  #acknowledged = 0;

  private constructor(
    title: string,
    directory: string,
    endpoint: Endpoint,
    pid: number,
    wallets: Uint8Array,
    session: PostgresSession,
    end: () => Promise<void>,
  ) {
    this.title = title;
    this.directory = directory;
    this.endpoint = endpoint;
    this.pid = pid;
    this.wallets = wallets;
    this.#session = session;
    this.#end = end;
  }

  /** **Errors**: `PeerSkipped` where there is no PostgreSQL, or nobody whom it may run as. */
  static async start(
    group: ChildGroup,
    directories: readonly string[],
    directory: string,
    walletCount: number,
  ): Promise<PostgresServer> {
    const programs = findPrograms(directories, ["initdb", "postgres"]);
    // The scratch directory is its owner's alone, and PostgreSQL has to pass through it.
    chmodSync(dirname(directory), 0o711);
    chmodSync(directory, 0o711);
    const account = unprivilegedAccount(POSTGRES_ACCOUNTS, directory);
    const endpoint = { host: HOST, port: await freePort(HOST), key: randomBytes(24).toString("base64url") };
    const data = join(directory, "data");
    const password = join(directory, "password");
    mkdirSync(data, { mode: 0o700 });
    writeFileSync(password, endpoint.key, { mode: 0o600 });
    if (account !== undefined) for (const path of [data, password]) chownSync(path, account.uid, account.gid);
    const program = {
      env: { PATH: process.env.PATH, LC_ALL: "C" },
      cwd: data,
      ...account,
      endSignal: "SIGQUIT",
    } as const;
    const initdb = group.spawnProgram({
      ...program,
      command: join(programs, "initdb"),
      args: ["--pgdata", data, "--username", POSTGRES_USER, "--pwfile", password, "--auth", "password", "--no-locale"],
    });
    const initOutput = collectOutput(initdb);
    const [code] = await once(initdb, "close");
    if (code !== 0) throw new Error(`initdb ended with ${code}: ${initOutput()}`);
    const settings = {
      ...POSTGRES_SETTINGS,
      listen_addresses: HOST,
      port: String(endpoint.port),
      unix_socket_directories: "",
    };
    const server = group.spawnProgram({
      ...program,
      command: join(programs, "postgres"),
      args: ["-D", data, ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])],
    });
    const output = collectOutput(server);
    const session = await readySession("PostgreSQL", server, output, () => PostgresSession.open(endpoint));
    const [[version]] = await session.query("show server_version");
    await session.query(readFileSync(SCHEMA, "utf8"));
    const wallets = await openWallets(session, walletCount);
    const title = `PostgreSQL ${version?.split(" ")[0]}`;
    return new PostgresServer(title, directory, endpoint, server.pid ?? 0, wallets, session, () => group.end(server));
  }

  /** Writes the tables, which until now lie in the log alone. */
  async settle(): Promise<void> {
    await this.#session.query("checkpoint");
  }

  /** Runs a statement on its books. */
  query(sql: string): Promise<readonly (readonly (string | null)[])[]> {
    return this.#session.query(sql);
  }

  async audit({ acceptedTotal, rejectedTotal, firstRejection }: Acknowledged): Promise<string | null> {
    this.#acknowledged += acceptedTotal;
    if (rejectedTotal > 0) return `${rejectedTotal} transfers were rejected: ${firstRejection}`;
    const [[applied]] = await this.#session.query("select count(*) from transfer where code = 0");
    if (Number(applied) !== this.#acknowledged)
      return `${this.#acknowledged} transfers were acknowledged, ${applied} applied`;
    const [[sum]] = await this.#session.query("select sum(balance_minor) from wallet");
    if (sum !== "0") return `the balances of all accounts add up to ${sum}`;
    const [[wrong]] = await this.#session.query(WRONG_WALLETS);
    return wrong === "0" ? null : `${wrong} wallets do not hold what their transfers add up to`;
  }

  async stop(): Promise<void> {
    this.#session.close();
    await this.#end();
  }
}

/** How many wallets do not hold what they were opened with and their transfers. */
const WRONG_WALLETS = `
  with side as (
    select debited as id, -amount_minor as minor from transfer where code = 0
    union all
    select credited, amount_minor from transfer where code = 0
  ), moved as (
    select id, sum(minor) as minor, count(*) as changes from side group by id
  )
  select count(*) from wallet left join moved using (id)
  where not is_funding
    and (balance_minor <> funded_minor + coalesce(minor, 0) or version <> coalesce(changes, 0))`;

/** Opens wallets that hold money, and the account that it came from. */
async function openWallets(session: PostgresSession, count: number): Promise<Uint8Array> {
  const { ids, texts, fundsMinor, fundingText } = new PeerWallets(count);
  for (let first = 0; first < count; first += WALLETS_PER_INSERT) {
    const some = texts.slice(first, first + WALLETS_PER_INSERT).join(",");
    await session.query(
      `insert into wallet (id, balance_minor, funded_minor) select unnest('{${some}}'::uuid[]), ${fundsMinor}, ${fundsMinor}`,
    );
  }
  await session.query(`insert into wallet values ('${fundingText}', ${-fundsMinor * count}, 0, 0, true)`);
  for (const command of ["analyze wallet", "checkpoint"]) await session.query(command);
  return ids;
}
