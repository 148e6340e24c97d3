import type { Ask, OpenWallet } from "./contract-ask.ts";

const PAYMENTS = "/api/v1/payments";
/** Asks every route of payments, and the list of sagas. */
export async function askPayments(ask: Ask, wallet: OpenWallet): Promise<void> {
  const facts = {
    payerWalletId: await wallet(100),
    merchantWalletId: await wallet(0),
    amountMinor: 10,
    currency: "EUR",
    description: "bread",
  };
  const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
  const one = await ask("POST", PAYMENTS, PAYMENTS, { ...facts, expiresAt });
  const path = `${PAYMENTS}/${one.id}`;
  const change = (action: string, body: object = {}, at = path): ReturnType<Ask> =>
    ask("POST", `${at}/${action}`, `${PAYMENTS}/{id}/${action}`, body);
  await change("authorize");
  await change("capture", { amountMinor: 4 });
  await change("refund", { amountMinor: 1 });
  await ask("GET", path, `${PAYMENTS}/{id}`);
  await change("void");
  const other = await ask("POST", PAYMENTS, PAYMENTS, facts);
  await change("fail", { reason: "abandoned" }, `${PAYMENTS}/${other.id}`);
  const page = await ask("GET", `${PAYMENTS}?limit=1&currency=EUR`, PAYMENTS);
  await ask("GET", `${PAYMENTS}?cursor=${page.nextCursor}`, PAYMENTS);
  await ask("GET", "/api/v1/sagas?parked=true", "/api/v1/sagas");
}
