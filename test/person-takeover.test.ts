/** People of a replicated ledger: a standby has their keys, serves them after a takeover, and forgets whom the leader forgets. */

import { afterAll, beforeAll, expect, test } from "vitest";
import { UuidV7 } from "../protocol/ids.ts";
import { keySlots } from "./key-slots.ts";
import { LedgerCluster } from "./ledger-cluster.ts";
import { ADMIN_KEY, type LedgerProcess } from "./ledger-process.ts";
import { PEOPLE_ENV } from "./person-contract.ts";
import { FIRST_BROKER_WITHIN_MS } from "./temporary-broker.ts";

const WITHIN = { timeout: 120_000, interval: 100 };
const ids = new UuidV7();
let cluster: LedgerCluster;
beforeAll(async () => {
  cluster = await LedgerCluster.start({ ...PEOPLE_ENV, MIZAN_SHARDS: "2", MIZAN_ACKS: "replicated" });
}, FIRST_BROKER_WITHIN_MS);
afterAll(() => cluster.dispose());

interface Answer {
  readonly status: number;
  readonly json: Readonly<Record<string, unknown>>;
}

async function call(node: LedgerProcess, method: string, path: string, body?: object): Promise<Answer> {
  const headers = {
    authorization: `Bearer ${ADMIN_KEY}`,
    "content-type": "application/json",
    "idempotency-key": ids.next(),
  };
  const response = await fetch(`${node.url}/api/v1/people${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, json: (await response.json()) as Record<string, unknown> };
}

async function register(node: LedgerProcess, index: number): Promise<string> {
  const id = ids.next();
  const { status, json } = await call(node, "POST", "", { id, name: `Amina ${index}` });
  expect({ status, json }).toMatchObject({ status: 201 });
  return id;
}

async function erase(node: LedgerProcess, id: string): Promise<void> {
  expect((await call(node, "POST", `/${id}/erase`, { reason: "REQUESTED" })).json).toMatchObject({ status: "ERASED" });
}

function slotsOf(node: LedgerProcess): readonly string[] {
  return keySlots(node.dataDir)
    .map(({ personId }) => personId)
    .sort();
}

test("people are registered, read, taken over and erased on whichever node leads", async () => {
  const [first, second] = cluster.nodes;
  const people: string[] = [];
  for (let index = 0; index < 6; index += 1) people.push(await register(first, index));
  const [erasedBefore, erasedAfter] = people;
  await expect.poll(() => slotsOf(second), WITHIN).toEqual([...people].sort());
  await cluster.catchesUp(second, first);
  // A standby answers reads.
  expect((await call(second, "GET", `/${people[3]}`)).json).toMatchObject({ name: "Amina 3", masked: false });
  expect((await call(second, "PUT", `/${people[3]}`, { name: "Amina" })).json).toMatchObject({ code: "not_leader" });
  await erase(first, erasedBefore);
  const staying = people.slice(1).sort();
  expect(slotsOf(first)).toEqual(staying);
  await expect.poll(() => slotsOf(second), WITHIN).toEqual(staying);

  await first.end("SIGKILL");
  await cluster.leads(second);
  for (const [index, id] of people.entries()) {
    const expected = id === erasedBefore ? { status: "ERASED" } : { status: "REGISTERED", name: `Amina ${index}` };
    expect((await call(second, "GET", `/${id}`)).json).toMatchObject(expected);
  }
  const late = await register(second, 9);
  await erase(second, erasedAfter);
  expect((await call(second, "PUT", `/${people[2]}`, { name: "Amina Hassan" })).json).toMatchObject({ version: 2 });

  // The former leader has the key of somebody who was erased while it was away.
  expect(slotsOf(first)).toContain(erasedAfter);
  await first.start();
  await cluster.follows(first);
  await expect.poll(() => slotsOf(first), WITHIN).toEqual([...people.slice(2), late].sort());
  await cluster.catchesUp(first, second);
  expect((await call(first, "GET", `/${people[2]}`)).json).toMatchObject({ name: "Amina Hassan" });
}, 300_000);
