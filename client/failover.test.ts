/** The client and two nodes of a ledger, in both encodings; the test says who leads and what the log has confirmed. */

import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { UuidV7 } from "../protocol/ids.ts";
import { ADMIN_KEY, LedgerProcess } from "../test/ledger-process.ts";
import { ReplicatedLedger } from "../test/replicated-ledger.ts";
import { Mizan, type MizanOptions } from "./index.ts";
import { Nodes } from "./nodes.ts";

const ids = new UuidV7();
const ended: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});

async function start(env: Readonly<Record<string, string>> = {}): Promise<ReplicatedLedger> {
  const ledger = await ReplicatedLedger.start(env);
  ended.push(() => ledger.stop());
  return ledger;
}

async function connect(options: Omit<MizanOptions, "apiKey">): Promise<Mizan> {
  const mizan = await Mizan.connect({ apiKey: ADMIN_KEY, timeoutMs: 20_000, ...options });
  ended.push(() => mizan.close());
  return mizan;
}

/** Opens the same wallet on every node, as replication would have. */
async function openWallet(...nodes: ReplicatedLedger[]): Promise<string> {
  const [walletId, ownerId] = [ids.next(), ids.next()];
  for (const { url } of nodes) {
    const mizan = await Mizan.connect({ url, apiKey: ADMIN_KEY });
    expect(await mizan.createWallet({ walletId, ownerId, currency: "EGP" })).toMatchObject({ ok: true });
    expect(await mizan.activateWallet({ walletId })).toMatchObject({ ok: true });
    await mizan.close();
  }
  return walletId;
}

describe.each(["binary", "json"] as const)("client over %s", (encoding) => {
  test("goes from a standby to the leader that it names, for commands over the socket and over REST", async () => {
    const [leader, standby] = [await start(), await start()];
    const walletId = await openWallet(leader, standby);
    leader.role.lead({ nodeUrl: leader.url, epoch: 1 });
    standby.role.follow({ nodeUrl: leader.url, epoch: 1 });
    const mizan = await connect({ url: standby.url, encoding });
    const before = standby.sequence();
    expect(await mizan.getReplication()).toMatchObject({ ok: true, role: "standby", leader: leader.url, epoch: 1 });
    expect(await mizan.getWallet(walletId)).toMatchObject({ ok: true, version: 2 });
    const results = await Promise.all(Array.from({ length: 50 }, () => mizan.credit({ walletId, amountMinor: 1 })));
    expect(results.every(({ ok }) => ok)).toBe(true);
    expect(await mizan.getReplication()).toMatchObject({ role: "leader" });
    expect(await mizan.getWallet(walletId)).toMatchObject({ postedMinor: 50 });
    expect(standby.sequence()).toBe(before);

    const overRest = await connect({ url: standby.url, encoding });
    const limits = { type: "customer", currency: "EGP", limits: {} } as const;
    expect(await overRest.setTypeLimits({ walletType: "customer", currency: "EGP", limits: {} })).toMatchObject(limits);
    expect(standby.sequence()).toBe(before);
  });

  test("tries its nodes in turn where nobody is known to lead, until one does", async () => {
    const [first, second] = [await start(), await start()];
    const walletId = await openWallet(first, second);
    for (const { role } of [first, second]) role.follow(undefined);
    const mizan = await connect({ urls: [first.url, second.url], encoding });
    const credited = mizan.credit({ walletId, amountMinor: 1 });
    await delay(300);
    second.role.lead({ nodeUrl: second.url, epoch: 2 });
    expect(await credited).toMatchObject({ ok: true, version: 3, replayed: false });
  });

  test("sends again to the new leader what the old one left open, and its streams go on there", async () => {
    const [old, next] = [await start({ MIZAN_ACKS: "replicated" }), await start({ MIZAN_ACKS: "replicated" })];
    const walletId = await openWallet(old, next);
    next.role.follow({ nodeUrl: old.url, epoch: 1 });
    const mizan = await connect({ urls: [old.url, next.url], encoding });
    const seen: { readonly version: number; readonly reset: boolean }[] = [];
    const stream = mizan.subscribe({ walletId }, { onUpdate: ({ version, reset }) => seen.push({ version, reset }) });
    await stream.ready;
    await expect.poll(() => seen).toEqual([{ version: 2, reset: false }]);
    old.holdBack();
    const commandId = ids.next();
    const call = mizan.credit({ commandId, walletId, amountMinor: 7 });
    const before = old.sequence();
    while (old.sequence() === before) await delay(1);
    old.role.fence({ nodeUrl: next.url, epoch: 2 });
    next.role.lead({ nodeUrl: next.url, epoch: 2 });
    expect(await call).toMatchObject({ ok: true, commandId, postedMinor: 7, version: 3 });
    expect(await mizan.getTransfer(commandId)).toMatchObject({ ok: true, status: "COMPLETED" });
    await expect
      .poll(() => seen)
      .toEqual([
        { version: 2, reset: false },
        { version: 3, reset: false },
      ]);
  });

  test("goes on when the leader is gone without a word", async () => {
    const [old, next] = [await ReplicatedLedger.start(), await start()];
    const walletId = await openWallet(old, next);
    next.role.follow({ nodeUrl: old.url, epoch: 1 });
    const mizan = await connect({ urls: [old.url, next.url], encoding });
    expect(await mizan.credit({ walletId, amountMinor: 1 })).toMatchObject({ ok: true });
    await old.stop();
    const call = mizan.credit({ walletId, amountMinor: 2 });
    await delay(300);
    next.role.lead({ nodeUrl: next.url, epoch: 2 });
    expect(await call).toMatchObject({ ok: true, postedMinor: 2 });
  });

  test("asks again for what the log has not confirmed, and gets the first answer", async () => {
    const ledger = await start({ MIZAN_ACKS: "replicated", MIZAN_REPLICATION_TIMEOUT_MS: "100" });
    const walletId = await openWallet(ledger);
    const mizan = await connect({ url: ledger.url, encoding });
    ledger.holdBack();
    const call = mizan.credit({ walletId, amountMinor: 1 });
    const read = mizan.getWallet(walletId);
    await delay(400);
    ledger.confirmAll();
    expect(await call).toMatchObject({ ok: true, replayed: true, postedMinor: 1 });
    expect(await read).toMatchObject({ ok: true });
    ledger.holdBack();
    const hopeless = mizan.credit({ walletId, amountMinor: 1 }, { timeoutMs: 300 });
    await expect(hopeless).rejects.toMatchObject({ code: "timeout", commandIds: [expect.any(String)] });
  });

  test("waits for the log where it asks for that, and only then", async () => {
    const ledger = await start();
    const walletId = await openWallet(ledger);
    const patient = await connect({ url: ledger.url, encoding, acks: "replicated" });
    const prompt = await connect({ url: ledger.url, encoding });
    ledger.holdBack();
    let isAnswered = false;
    const call = patient.credit({ walletId, amountMinor: 1 }).finally(() => {
      isAnswered = true;
    });
    expect(await prompt.credit({ walletId, amountMinor: 1 })).toMatchObject({ ok: true });
    await delay(150);
    expect(isAnswered).toBe(false);
    ledger.confirmAll();
    expect(await call).toMatchObject({ ok: true });
  });
});

test("a client that asks for replicated is told where nothing is", async () => {
  const ledger = await LedgerProcess.create({ MIZAN_SHARDS: "1" });
  ended.push(() => ledger.dispose());
  await ledger.start();
  const refused = Mizan.connect({ url: ledger.url, apiKey: ADMIN_KEY, acks: "replicated" });
  await expect(refused).rejects.toMatchObject({ code: "not_replicated" });
});

describe("nodes", () => {
  test("a key that goes over TLS only is not sent to a leader without", () => {
    const nodes = new Nodes({ urls: ["https://a/", "https://b"] });
    expect(nodes.redirect("http://evil")).toBe(true);
    expect(nodes.url).toBe("https://b");
    expect(nodes.redirect("https://c/")).toBe(true);
    expect([nodes.url, nodes.count]).toEqual(["https://c", 3]);
    expect(nodes.redirect("https://c")).toBe(false);
  });

  test("without any there is no client", async () => {
    await expect(Mizan.connect({ apiKey: "none" })).rejects.toMatchObject({ code: "invalid_request" });
  });
});
