import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { TIERS_DEFAULT } from "../engine/medcard/tiers.ts";
import { LedgerProcess } from "../test/ledger-process.ts";
import { RestParties } from "../test/rest-parties.ts";
import { loadConfig } from "./config.ts";

const directory = mkdtempSync(join(tmpdir(), "mizan-tiers-"));
const path = join(directory, "tiers.json");
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function write(bronze: object): void {
  writeFileSync(path, JSON.stringify({ ...TIERS_DEFAULT, BRONZE: bronze }));
}

describe("the tiers of medical cards", () => {
  test("are those of a file, at each start; a card keeps the terms that it got", async () => {
    const ledger = await LedgerProcess.create({ MIZAN_SHARDS: "1", MIZAN_MEDCARD_TIERS: path });
    const rest = new RestParties(ledger);
    const terms = async (id: unknown): Promise<unknown> => {
      const { json } = await rest.call("GET", `/medcards/${id}`);
      return [json.monthlyLimitMinor, json.copaymentBasisPoints, json.categories];
    };
    const issue = async (): Promise<unknown> => {
      const [fundingWalletId, holderWalletId, clearingWalletId, holderId] = [1, 2, 3, 4].map(() => rest.ids.next());
      const wallets = { fundingWalletId, holderWalletId, clearingWalletId };
      const facts = { holderId, tier: "BRONZE", currency: "EGP", ...wallets, expiresAt: "2100-01-01T00:00:00Z" };
      return (await rest.call("POST", "/medcards", facts)).json.id;
    };
    try {
      write({ monthlyLimitMinor: 7, copaymentBasisPoints: 50, categories: ["OPTICAL"] });
      await ledger.start();
      const first = await issue();
      expect(await terms(first)).toEqual([7, 50, ["OPTICAL"]]);
      expect((await rest.call("GET", "/medcard-tiers")).json.tiers).toMatchObject([
        { tier: "BRONZE", monthlyLimitMinor: 7 },
        { tier: "SILVER", ...TIERS_DEFAULT.SILVER },
        { tier: "GOLD" },
        { tier: "PLATINUM" },
      ]);
      await ledger.end("SIGKILL");
      write({ monthlyLimitMinor: 9, copaymentBasisPoints: 0, categories: ["DENTAL"] });
      await ledger.start();
      expect(await terms(first)).toEqual([7, 50, ["OPTICAL"]]);
      expect(await terms(await issue())).toEqual([9, 0, ["DENTAL"]]);
    } finally {
      await ledger.dispose();
    }
  });

  test.each([
    ["{", "cannot be read as JSON"],
    [JSON.stringify({ BRONZE: TIERS_DEFAULT.BRONZE }), "SILVER: "],
    [JSON.stringify({ ...TIERS_DEFAULT, WOOD: TIERS_DEFAULT.BRONZE }), "WOOD"],
    [JSON.stringify({ ...TIERS_DEFAULT, GOLD: { ...TIERS_DEFAULT.GOLD, copaymentBasisPoints: 10_001 } }), "GOLD.copay"],
    [JSON.stringify({ ...TIERS_DEFAULT, GOLD: { ...TIERS_DEFAULT.GOLD, categories: ["MAGIC"] } }), "GOLD.categories.0"],
    [JSON.stringify({ ...TIERS_DEFAULT, GOLD: { ...TIERS_DEFAULT.GOLD, categories: [] } }), "GOLD.categories"],
    [
      JSON.stringify({ ...TIERS_DEFAULT, GOLD: { ...TIERS_DEFAULT.GOLD, categories: ["DENTAL", "DENTAL"] } }),
      "a category stands there twice",
    ],
  ])("are not those of %j", (text, message) => {
    writeFileSync(path, text);
    expect(() => loadConfig({ MIZAN_MEDCARD_TIERS: path })).toThrow(message);
  });

  test("are not those of a file that is not there", () => {
    const missing = join(directory, "none.json");
    expect(() => loadConfig({ MIZAN_MEDCARD_TIERS: missing })).toThrow(/MIZAN_MEDCARD_TIERS=.*ENOENT/);
  });
});
