import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LastWill } from "../last-will.ts";
import { Run } from "../run.ts";
import type { PeerServer } from "./peer.ts";
import { type PeerName, peersResultSchema } from "./peers-result.ts";
import { formatPeers } from "./peers-table.ts";
import { POSTGRES_ACCOUNTS, PostgresServer } from "./postgres-server.ts";
import { findPrograms, PeerSkipped, programDirectories, unprivilegedAccount } from "./program.ts";
import { RedisServer } from "./redis-server.ts";
import { runPeers } from "./run-peers.ts";

const RUN_MS_MAX = 240_000;
const WALLETS = 300;
const directories = programDirectories();
const will = new LastWill();
let run: Run;
beforeAll(() => {
  run = new Run({ warmupMs: 20, measureMs: 200 }, undefined, will);
});
afterAll(async () => {
  await run.end();
  will.close();
}, RUN_MS_MAX);

/** What follows the name of the tests of a server that cannot be started here. */
function absence(find: () => unknown): string {
  try {
    find();
    return "";
  } catch (error) {
    return `, skipped: ${(error as Error).message}`;
  }
}

const POSTGRES_ABSENCE = absence(() => {
  findPrograms(directories, ["initdb", "postgres"]);
  unprivilegedAccount(POSTGRES_ACCOUNTS, join(import.meta.dirname, "../.."));
});
const REDIS_ABSENCE = absence(() => findPrograms(directories, ["redis-server"]));

/** Runs one server, with something done to its books before they are checked. */
async function compare(peer: PeerName, beforeAudit?: (server: PeerServer) => Promise<void>) {
  const result = await runPeers(run, {
    only: [peer],
    directories,
    wallets: WALLETS,
    say: () => {},
    ...(beforeAudit === undefined ? {} : { beforeAudit }),
  });
  return peersResultSchema.parse(result);
}

async function expectRows(peer: PeerName): Promise<void> {
  const { rows, skipped, failed } = await compare(peer);
  expect(failed).toEqual([]);
  expect(skipped).toEqual([]);
  expect(rows.map(({ transfersPerCall }) => transfersPerCall)).toEqual([1, 100]);
  for (const row of rows) {
    expect(row.books).toEqual({ agree: true, detail: null });
    expect(row.acknowledged).toBeGreaterThan(0);
    if (process.platform === "linux") expect(row.cpuSecondsPer100k).not.toBeNull();
  }
}

test("Mizan is driven with one transfer a call, and batched", { timeout: RUN_MS_MAX }, () => expectRows("mizan"));

test("servers that are not there are skipped by name", { timeout: RUN_MS_MAX }, async () => {
  const lines: string[] = [];
  const result = await runPeers(run, {
    only: ["postgres", "redis"],
    directories: ["/nowhere"],
    say: (line) => lines.push(line),
  });
  expect(result.skipped).toEqual([
    { peer: "postgres", reason: "no initdb and postgres on this machine" },
    { peer: "redis", reason: "no redis-server on this machine" },
  ]);
  expect(result.failed).toEqual([]);
  expect(lines).toContain("skipped: redis, no redis-server on this machine");
  expect(formatPeers(peersResultSchema.parse(result))).toContain("skipped: postgres, no initdb and postgres");
});

/** A transfer; ids and wallets are numbers of this test. */
interface Asked {
  readonly id: number;
  readonly from: number;
  readonly to: number;
  readonly amountMinor: number;
}

const FUNDS_MINOR = 800_000;
const TOO_MUCH_MINOR = 900_000;
/** One transfer after the other, each with the code that it is answered; there is no wallet 9. */
const STORY: readonly (readonly [Asked, number])[] = [
  [{ id: 1, from: 0, to: 1, amountMinor: 500 }, 0],
  [{ id: 1, from: 0, to: 1, amountMinor: 500 }, 0],
  [{ id: 1, from: 0, to: 1, amountMinor: 501 }, 3],
  [{ id: 2, from: 0, to: 9, amountMinor: 1 }, 1],
  [{ id: 3, from: 2, to: 1, amountMinor: TOO_MUCH_MINOR }, 2],
  [{ id: 3, from: 2, to: 1, amountMinor: TOO_MUCH_MINOR }, 2],
  [{ id: 4, from: 2, to: 2, amountMinor: 1 }, 1],
  [{ id: 5, from: 1, to: 2, amountMinor: 700 }, 0],
];
/** What the first three wallets have more at the end. */
const STORY_BALANCES = [-500, -200, 700];

function uuid(kind: string, number: number): string {
  return `01900000-0000-7000-8000-${kind}${String(number).padStart(11, "0")}`;
}

describe.skipIf(POSTGRES_ABSENCE !== "")(`PostgreSQL${POSTGRES_ABSENCE}`, () => {
  test("it is driven with one transfer a call, and batched", { timeout: RUN_MS_MAX }, () => expectRows("postgres"));

  test("a balance that is altered between load and check fails the row", { timeout: RUN_MS_MAX }, async () => {
    const result = await compare("postgres", async (server) => {
      if (!(server instanceof PostgresServer)) throw new Error("another server");
      await server.query("update wallet set balance_minor = balance_minor + 1 where not is_funding");
    });
    expect(result.rows[0].books).toEqual({ agree: false, detail: `the balances of all accounts add up to ${WALLETS}` });
    expect(formatPeers(result)).toContain("FAILED: the balances of all accounts");
  });

  test("money that changed wallets without a transfer fails the row", { timeout: RUN_MS_MAX }, async () => {
    const result = await compare("postgres", async (server) => {
      if (!(server instanceof PostgresServer)) throw new Error("another server");
      await server.query(`update wallet set balance_minor = balance_minor + case when wallet.id = first.id then 1 else -1 end
        from (select id from wallet where not is_funding order by id limit 1) first
        where wallet.id in (select id from wallet where not is_funding order by id limit 2)`);
    });
    expect(result.rows[0].books.detail).toBe("2 wallets do not hold what their transfers add up to");
  });

  test.each(["one a call", "batched"])(
    "ids, overdrafts and missing wallets, %s",
    { timeout: RUN_MS_MAX },
    async (way) => {
      const server = await PostgresServer.start(run.group, directories, run.directory("postgres-"), 2);
      try {
        const wallets = [0, 1, 2].map((nth) => `('${uuid("a", nth)}', ${FUNDS_MINOR}, ${FUNDS_MINOR})`).join(",");
        await server.query(`insert into wallet (id, balance_minor, funded_minor) values ${wallets}`);
        const codes: number[] = [];
        if (way === "batched") {
          const array = (values: readonly (string | number)[], type: string): string =>
            `'{${values.join(",")}}'::${type}[]`;
          const asked = STORY.map(([one]) => one);
          const arguments_ = [
            array(
              asked.map(({ id }) => uuid("b", id)),
              "uuid",
            ),
            array(
              asked.map(({ from }) => uuid("a", from)),
              "uuid",
            ),
            array(
              asked.map(({ to }) => uuid("a", to)),
              "uuid",
            ),
            array(
              asked.map(({ amountMinor }) => amountMinor),
              "bigint",
            ),
          ].join(",");
          const rows = await server.query(`select unnest(transfer_batch(${arguments_}))`);
          codes.push(...rows.map(([code]) => Number(code)));
        } else {
          for (const [{ id, from, to, amountMinor }] of STORY) {
            const [[code]] = await server.query(
              `select transfer('${uuid("b", id)}', '${uuid("a", from)}', '${uuid("a", to)}', ${amountMinor})`,
            );
            codes.push(Number(code));
          }
        }
        expect(codes).toEqual(STORY.map(([, code]) => code));
        const rows = await server.query(
          `select balance_minor - funded_minor from wallet where id between '${uuid("a", 0)}' and '${uuid("a", 2)}' order by id`,
        );
        expect(rows.map(([change]) => Number(change))).toEqual(STORY_BALANCES);
      } finally {
        await server.stop();
      }
    },
  );

  test("a batch that each wallet can pay is answered again", { timeout: RUN_MS_MAX }, async () => {
    const server = await PostgresServer.start(run.group, directories, run.directory("postgres-"), 2);
    try {
      const [[a], [b]] = await server.query("select id from wallet where not is_funding order by id");
      const batch = (ids: readonly number[], amountMinor: number): Promise<readonly (readonly (string | null)[])[]> =>
        server.query(`select unnest(transfer_batch(
          '{${ids.map((id) => uuid("b", id)).join(",")}}', array_fill('${a}'::uuid, array[${ids.length}]),
          array_fill('${b}'::uuid, array[${ids.length}]), array_fill(${amountMinor}::bigint, array[${ids.length}])))`);
      expect(await batch([1, 2], 5)).toEqual([["0"], ["0"]]);
      expect(await batch([2, 3], 5)).toEqual([["0"], ["0"]]);
      expect(await batch([3, 4], 6)).toEqual([["3"], ["0"]]);
      expect(await server.audit({ acceptedTotal: 4, rejectedTotal: 0, firstRejection: "" })).toBeNull();
      expect(await server.audit({ acceptedTotal: 1, rejectedTotal: 0, firstRejection: "" })).toBe(
        "5 transfers were acknowledged, 4 applied",
      );
    } finally {
      await server.stop();
    }
  });
});

describe.skipIf(REDIS_ABSENCE !== "")(`Redis${REDIS_ABSENCE}`, () => {
  test("it is driven with one transfer a call, and batched", { timeout: RUN_MS_MAX }, () => expectRows("redis"));

  test("a balance that is altered between load and check fails the row", { timeout: RUN_MS_MAX }, async () => {
    const result = await compare("redis", async (server) => {
      if (!(server instanceof RedisServer)) throw new Error("another server");
      await server.call("INCR", Buffer.concat([Buffer.from("w"), server.wallets.subarray(0, 16)]));
    });
    expect(result.rows[0].books).toEqual({ agree: false, detail: "the balances of all accounts add up to 1" });
  });

  test.each(["one a call", "batched"])(
    "ids, overdrafts and missing wallets, %s",
    { timeout: RUN_MS_MAX },
    async (way) => {
      const server = await RedisServer.start(run.group, directories, run.directory("redis-"), 2);
      try {
        for (const nth of [0, 1, 2]) await server.call("SET", `w${idText("a", nth)}`, String(FUNDS_MINOR));
        const asked = STORY.map(([{ id, from, to, amountMinor }]) => ({
          id: idText("b", id),
          from: idText("a", from),
          to: idText("a", to),
          digits: String(amountMinor).padStart(6, "0"),
        }));
        const codes: number[] = [];
        if (way === "batched") {
          const blob = asked.map(({ id, from, to, digits }) => `${id}${from}${to}${digits}`).join("");
          const answer = await server.call("EVALSHA", await server.loadScript("redis-transfer-batch.lua"), "0", blob);
          codes.push(...Array.from(String(answer), Number));
        } else {
          const sha = await server.loadScript("redis-transfer.lua");
          for (const { id, from, to, digits } of asked) {
            codes.push(Number(await server.call("EVALSHA", sha, "3", `t${id}`, `w${from}`, `w${to}`, digits)));
          }
        }
        expect(codes).toEqual(STORY.map(([, code]) => code));
        const balances = await server.call("MGET", ...[0, 1, 2].map((nth) => `w${idText("a", nth)}`));
        expect((balances as readonly string[]).map((balance) => Number(balance) - FUNDS_MINOR)).toEqual(STORY_BALANCES);
      } finally {
        await server.stop();
      }
    },
  );
});

/** An id as long as every other, in letters that Redis need not escape. */
function idText(kind: string, number: number): string {
  return `${kind}${String(number).padStart(15, "0")}`;
}

test("a program that is no file is not found", () => {
  expect(() => findPrograms(["/", "/nowhere"], ["tmp"])).toThrow(PeerSkipped);
});
