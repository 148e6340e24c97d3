/** The status page as an admin sees it in a browser. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ADMIN_KEY, LedgerProcess } from "../../test/ledger-process.ts";
import { BROWSER_WITHIN_MS, faultsOf, HAS_BROWSER, RealBrowser } from "../../test/real-browser.ts";

let ledger: LedgerProcess;
let browser: RealBrowser;
beforeAll(async () => {
  if (!HAS_BROWSER) return;
  // Every request is slow enough to be a line among the latest warnings.
  ledger = await LedgerProcess.create({ MIZAN_SHARDS: "2", MIZAN_SLOW_REQUEST_MS: "1" });
  await ledger.start();
  browser = await RealBrowser.start({ authorization: `Bearer ${ADMIN_KEY}` });
}, BROWSER_WITHIN_MS);
afterAll(async () => {
  await browser?.close();
  await ledger?.dispose();
}, BROWSER_WITHIN_MS);

/** Opens wallets until one of them took so long that it is told of. */
async function untilWarned(): Promise<void> {
  const headers = { authorization: `Bearer ${ADMIN_KEY}`, "content-type": "application/json" };
  await expect
    .poll(
      async () => {
        const body = JSON.stringify({ ownerId: "01900000-0000-7000-8000-000000000001", currency: "EGP" });
        const opened = { method: "POST", headers: { ...headers, "idempotency-key": crypto.randomUUID() }, body };
        await fetch(`${ledger.url}/api/v1/wallets`, opened);
        return (await fetch(`${ledger.url}/statusz`, { headers })).text();
      },
      { timeout: BROWSER_WITHIN_MS },
    )
    .toContain("slow request");
}

describe.skipIf(!HAS_BROWSER)("the status page in a browser", () => {
  test("can be read on a telephone and on a desk, in the light and in the dark", {
    timeout: 2 * BROWSER_WITHIN_MS,
  }, async () => {
    await untilWarned();
    for (const width of [390, 1_280]) {
      for (const scheme of ["light", "dark"] as const) {
        const { page, complaints, requests } = await browser.open(`${ledger.url}/statusz`, { width, scheme });
        expect({ width, scheme, faults: await faultsOf(page), complaints, requests }).toEqual({
          width,
          scheme,
          faults: [],
          complaints: [],
          requests: [],
        });
        const text = await page.locator("body").innerText();
        for (const word of ["leader: ready", "Shards", "0:", "1:", "slow request", "Nothing is replicated."]) {
          expect(text).toContain(word);
        }
        await page.close();
      }
    }
  });
});
