/** Payments in a ledger that is written anew: for other numbers of shards, and from its export. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { UuidV7 } from "../protocol/ids.ts";
import { ADMIN_KEY, LedgerProcess } from "../test/ledger-process.ts";
import { askMizan } from "../test/mizan-command.ts";

const PAYMENTS = 6;
const ids = new UuidV7();
const scratch = mkdtempSync(join(tmpdir(), "mizan-payments-"));
const ledgers: LedgerProcess[] = [];
afterAll(async () => {
  for (const ledger of ledgers) await ledger.dispose();
  rmSync(scratch, { recursive: true, force: true });
});

async function started(env: NodeJS.ProcessEnv): Promise<LedgerProcess> {
  const ledger = await LedgerProcess.create(env);
  ledgers.push(ledger);
  await ledger.start();
  return ledger;
}

async function call({ url }: LedgerProcess, method: string, path: string, body?: object, key = ids.next()) {
  const headers = { authorization: `Bearer ${ADMIN_KEY}`, "content-type": "application/json", "idempotency-key": key };
  const content = body === undefined ? {} : { body: JSON.stringify(body) };
  const response = await fetch(`${url}/api/v1${path}`, { method, headers, ...content });
  return (await response.json()) as Readonly<Record<string, unknown>>;
}

test("payments, and the answers to their commands, are there again, and go on", async () => {
  const origin = await started({ MIZAN_SHARDS: "2" });
  const wallets = Array.from({ length: PAYMENTS + 1 }, () => ids.next());
  for (const id of wallets) {
    await call(origin, "POST", "/wallets", { id, ownerId: ids.next(), currency: "EGP" });
    await call(origin, "POST", `/wallets/${id}/activate`);
    await call(origin, "POST", `/wallets/${id}/credit`, { amountMinor: 1_000 });
  }
  const payments = Array.from({ length: PAYMENTS }, () => ({ id: ids.next(), captureId: ids.next() }));
  for (const [index, { id, captureId }] of payments.entries()) {
    const [payerWalletId, merchantWalletId] = [wallets[index], wallets[index + 1]];
    const fee = { walletId: wallets[(index + 2) % wallets.length], fixedMinor: 1, basisPoints: 100 };
    const facts = { payerWalletId, merchantWalletId, amountMinor: 600, currency: "EGP", fee };
    await call(origin, "POST", "/payments", { id, ...facts });
    await call(origin, "POST", `/payments/${id}/authorize`, {});
    await call(origin, "POST", `/payments/${id}/capture`, { amountMinor: 200 }, captureId);
  }
  // One payment with the terms of a registered merchant, which its record names beside the command.
  const [walletId, payoutWalletId, payerWalletId] = wallets;
  const settlement = { every: "day", hour: 2, timeZone: "Africa/Cairo" };
  const merchant = { name: "Shop", ownerId: ids.next(), walletId, payoutWalletId, currency: "EGP", settlement };
  const { id: merchantId } = await call(origin, "POST", "/merchants", merchant);
  const termed = ids.next();
  const facts = { id: termed, merchantId, payerWalletId, amountMinor: 10, currency: "EGP" };
  expect(await call(origin, "POST", "/payments", facts)).toMatchObject({ status: "INITIATED" });
  const shown = async (ledger: LedgerProcess): Promise<unknown> => ({
    payments: await Promise.all([...payments, { id: termed }].map(({ id }) => call(ledger, "GET", `/payments/${id}`))),
    sagas: await Promise.all(
      payments.map(async ({ captureId }) => {
        const { timeline, isComplete } = await call(ledger, "GET", `/sagas/${captureId}`);
        return [isComplete, (timeline as readonly { readonly type: string }[]).map(({ type }) => type)];
      }),
    ),
    balances: await Promise.all(
      wallets.map(async (id) => {
        const { postedMinor, availableMinor } = await call(ledger, "GET", `/wallets/${id}/balance`);
        return { postedMinor, availableMinor };
      }),
    ),
  });
  const told = await shown(origin);
  await origin.end("SIGTERM");
  expect(await askMizan(["verify", origin.dataDir])).toMatchObject({ ok: true, problems: [] });

  const file = join(scratch, "events.jsonl");
  expect(await askMizan(["export", origin.dataDir, "--out", file])).toMatchObject({ ok: true });
  const [resharded, imported] = [join(scratch, "resharded"), join(scratch, "imported")];
  expect(await askMizan(["reshard", origin.dataDir, "--shards", "3", "--to", resharded])).toMatchObject({ ok: true });
  expect(await askMizan(["import", file, imported])).toMatchObject({ ok: true, shards: 2 });
  for (const dataDir of [resharded, imported]) {
    const ledger = await started({ MIZAN_DATA_DIR: dataDir });
    expect(await shown(ledger)).toEqual(told);
    for (const { id, captureId } of payments) {
      const again = await call(ledger, "POST", `/payments/${id}/capture`, { amountMinor: 200 }, captureId);
      expect(again).toMatchObject({ status: "PARTIALLY_CAPTURED", capturedMinor: 200 });
      expect(await call(ledger, "POST", `/payments/${id}/capture`, {})).toMatchObject({
        capturedMinor: 600,
        feesMinor: 7,
      });
    }
    await ledger.end("SIGTERM");
    expect(await askMizan(["verify", dataDir])).toMatchObject({ ok: true, problems: [] });
  }
}, 240_000);
