import { UuidV7 } from "../protocol/ids.ts";
import type { Ask, OpenWallet } from "./contract-ask.ts";

const CARDS = "/api/v1/medcards";
const ids = new UuidV7();

/** Asks every route of medical cards. */
export async function askMedCards(ask: Ask, wallet: OpenWallet): Promise<void> {
  const fundingWalletId = await wallet(1_000);
  const holderWalletId = await wallet(1_000);
  const clearingWalletId = await wallet(0);
  const pharmacyWalletId = await wallet(0);
  const inDays = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString();
  const holderId = ids.next();
  const facts = { holderId, tier: "SILVER", currency: "EUR", fundingWalletId, holderWalletId, clearingWalletId };
  const issued = await ask("POST", CARDS, CARDS, {
    ...facts,
    pharmacyWalletIds: [pharmacyWalletId],
    expiresAt: inDays(9),
  });
  await ask("POST", CARDS, CARDS, { ...facts, expiresAt: inDays(9) });
  const path = `${CARDS}/${issued.id}`;
  const change = (rest: string, body: object = {}, method = "POST"): ReturnType<Ask> =>
    ask(method, `${path}${rest}`, `${CARDS}/{id}${rest}`, body);
  const look = (rest: string, query = ""): ReturnType<Ask> =>
    ask("GET", `${path}${rest}${query}`, `${CARDS}/{id}${rest}`);
  await ask("GET", "/api/v1/medcard-tiers", "/api/v1/medcard-tiers");
  await change("/activate");
  await change("/suspend", { reason: "lost" });
  await look("");
  await change("/reactivate");
  await change("/renew", { expiresAt: inDays(19) });
  await change("/upgrade", { tier: "GOLD" });
  await change("/downgrade", { tier: "BRONZE" });
  await change("/monthly-limit", { monthlyLimitMinor: 500 }, "PUT");
  const beneficiaryId = ids.next();
  await change("/beneficiaries", { beneficiaryId, relation: "CHILD" });
  await look("/beneficiaries");
  const claim = { beneficiaryId, category: "MEDICATION" };
  const items = [{ code: "a", quantity: 2, unitPriceMinor: 5 }];
  const prescriptions = "/claims/prescriptions";
  const bought = { ...claim, pharmacyWalletId, totalMinor: 10, items };
  const first = await change(prescriptions, bought);
  const second = await change(prescriptions, bought);
  await look("/monthly-limit");
  await look("/analytics", "?by=beneficiary");
  await ask("GET", `${CARDS}/analytics?by=pharmacy`, `${CARDS}/analytics`);
  await look(prescriptions, "?limit=1&status=PAID");
  await look(prescriptions, `?cursor=${second.claimId}&beneficiaryId=${beneficiaryId}`);
  const one = (kind: string, { claimId }: Readonly<Record<string, unknown>>, action = "", body?: object) =>
    ask(
      body === undefined ? "GET" : "POST",
      `${path}${kind}/${claimId}${action}`,
      `${CARDS}/{id}${kind}/{claimId}${action}`,
      body,
    );
  await one(prescriptions, first, "/reverse", { reason: "returned" });
  await one(prescriptions, first);
  const insurance = "/claims/insurance";
  const paid = await change(insurance, { ...claim, amountMinor: 10 });
  const rejected = await change(insurance, { ...claim, amountMinor: 10 });
  await one(insurance, paid, "/approve", { approvedMinor: 5 });
  await one(insurance, paid, "/pay", {});
  await one(insurance, rejected, "/reject", { reason: "no receipt" });
  await one(insurance, paid);
  await look(insurance, "?limit=1");
  await ask("DELETE", `${path}/beneficiaries/${beneficiaryId}`, `${CARDS}/{id}/beneficiaries/{beneficiaryId}`);
  await change("/close", { reason: "moved away" });
  const page = await ask("GET", `${CARDS}?limit=1`, CARDS);
  await ask("GET", `${CARDS}?cursor=${page.nextCursor}&holderId=${holderId}&status=CLOSED`, CARDS);
}
