/** What responses have in common, whatever the route. */

import { afterAll, beforeAll, expect, test } from "vitest";
import { UuidV7 } from "../../protocol/ids.ts";
import { ADMIN_KEY, LedgerProcess } from "../../test/ledger-process.ts";

const ids = new UuidV7();
let ledger: LedgerProcess;
beforeAll(async () => {
  ledger = await LedgerProcess.create({ MIZAN_SHARDS: "1" });
  await ledger.start();
});
afterAll(() => ledger.dispose());

async function open(
  ownerId: string,
  idempotencyKey: string,
): Promise<{ readonly text: string; readonly headers: Headers }> {
  const response = await fetch(`${ledger.url}/api/v1/wallets`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${ADMIN_KEY}`,
      "content-type": "application/json",
      "idempotency-key": idempotencyKey,
    },
    body: JSON.stringify({ ownerId, currency: "EGP" }),
  });
  return { text: await response.text(), headers: response.headers };
}

test("an idempotency key in quotes, as its draft writes it, is the same key", async () => {
  const key = ids.next();
  const ownerId = ids.next();
  const first = await open(ownerId, key);
  const again = await open(ownerId, `"${key}"`);
  expect(again.text).toBe(first.text);
  expect(again.headers.get("idempotency-replayed")).toBe("true");
});

test("responses are counted by route and status, never by path", async () => {
  const { id } = JSON.parse((await open(ids.next(), ids.next())).text) as { readonly id: string };
  const headers = { authorization: `Bearer ${ADMIN_KEY}` };
  for (const path of [`/api/v1/wallets/${id}`, "/somewhere"]) await fetch(`${ledger.url}${path}`, { headers });
  const text = await (await fetch(`${ledger.url}/metrics`, { headers })).text();
  expect(text).toMatch(/^mizan_http_responses_total\{route="GET \/api\/v1\/wallets\/\{id\}",status="200"\} [1-9]/m);
  expect(text).toMatch(/^mizan_http_responses_total\{route="other",status="404"\} [1-9]/m);
  expect(text).not.toContain(id);
});
