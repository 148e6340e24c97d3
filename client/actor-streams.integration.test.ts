/** Following actors with the client, over real sockets of a real ledger that is killed in between. */

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { UuidV7 } from "../protocol/ids.ts";
import { ADMIN_KEY, LedgerProcess } from "../test/ledger-process.ts";
import { MedCardParty } from "../test/medcard-party.ts";
import { type ActorUpdate, Mizan, type Subscription } from "./index.ts";

let ledger: LedgerProcess;
let party: MedCardParty;
beforeAll(async () => {
  ledger = await LedgerProcess.create({ MIZAN_SHARDS: "2" });
  await ledger.start();
  party = await MedCardParty.meet(ledger);
});
afterAll(async () => {
  party.leave();
  await ledger.dispose();
});

const clients: Mizan[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
});

async function connect(encoding: "binary" | "json" = "binary", apiKey = ADMIN_KEY): Promise<Mizan> {
  const client = await Mizan.connect({ url: ledger.url, apiKey, encoding });
  clients.push(client);
  return client;
}

/** Takes updates until the actor has a status. */
async function until(subscription: Subscription<ActorUpdate>, status: string): Promise<ActorUpdate[]> {
  const taken: ActorUpdate[] = [];
  while (taken.at(-1)?.state?.status !== status) {
    const { value, done } = await subscription.next();
    if (done === true) throw new Error(`it ended before ${status}`);
    taken.push(value);
  }
  return taken;
}

test("a subscription gives the state, then each change, and goes on over a kill of the ledger", async () => {
  const card = await party.issue();
  const subscription = (await connect("binary", party.holder.key)).subscribeActor({ actor: "MedCard", actorId: card });
  await subscription.ready;
  await party.command(card, { type: "SuspendCard", reason: "lost" });
  expect(await until(subscription, "SUSPENDED")).toMatchObject([
    { kind: "state", version: 2, state: { status: "ACTIVE" } },
    { kind: "change", version: 3, previousVersion: 2, reset: false, conflated: false },
  ]);
  await party.command(card, { type: "ReactivateCard" });
  await until(subscription, "ACTIVE");
  await ledger.end("SIGKILL");
  await ledger.start();
  await party.command(card, { type: "SuspendCard", reason: "lost again" });
  const after = await until(subscription, "SUSPENDED");
  expect(after.at(-1)).toMatchObject({ version: 5, state: { reason: "lost again" } });
  const versions = after.map(({ version }) => version);
  expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b));
  subscription.close();
  expect(await subscription.next()).toMatchObject({ done: true });
});

test.each(["binary", "json"] as const)(
  "several actors are followed over one connection, a card as a whole (%s)",
  async (encoding) => {
    const mizan = await connect(encoding);
    const [card, other] = [await party.issue(), await party.issue()];
    const [whole, plain] = [
      mizan.subscribeActor({ actor: "MedCard", actorId: card, whole: true }),
      mizan.subscribeActor({ actor: "MedCard", actorId: other }),
    ];
    await Promise.all([whole.ready, plain.ready]);
    await party.claim(card, 500);
    await party.command(other, { type: "CloseCard", reason: "done" });
    await party.command(card, { type: "CloseCard", reason: "done" });
    expect((await until(plain, "CLOSED")).at(-1)?.state).not.toHaveProperty("spend");
    expect((await until(whole, "CLOSED")).at(-1)?.state).toMatchObject({ spend: [{ claims: 1, coveredMinor: 400 }] });
    expect(() => mizan.subscribeActor({ actor: "MedCard", actorId: card })).toThrow("followed already, as a whole");
    whole.close();
  },
);

test("who may not see an actor is told so, and what is no actor is refused at once", async () => {
  const card = await party.issue();
  const mizan = await connect("binary", party.stranger.key);
  for (const [topic, code] of [
    [{ actor: "MedCard", actorId: card }, "forbidden"],
    [{ actor: "MedCard", actorId: new UuidV7().next() }, "medcard_not_found"],
    [{ actor: "Pigeon", actorId: card }, "unknown_operation"],
  ] as const) {
    await expect(mizan.subscribeActor(topic).next()).rejects.toMatchObject({ code });
  }
  expect(() => mizan.subscribeActor({ actor: "MedCard", actorId: "me" })).toThrow("not a UUID");
  await mizan.close();
  expect(() => mizan.subscribeActor({ actor: "MedCard", actorId: card })).toThrow("closed");
});

test("a reader goes on where he says that he was", async () => {
  const card = await party.issue();
  const mizan = await connect();
  const first = mizan.subscribeActor({ actor: "MedCard", actorId: card });
  const [{ version }] = await until(first, "ACTIVE");
  first.close();
  await party.command(card, { type: "SuspendCard", reason: "lost" });
  const second = mizan.subscribeActor({ actor: "MedCard", actorId: card }, { fromVersion: version });
  expect(await until(second, "SUSPENDED")).toMatchObject([{ kind: "change", previousVersion: version }]);
});
