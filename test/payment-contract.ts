/** Asks a route, and expects an answer in the shape that it shows. */
export type Ask = (
  method: string,
  path: string,
  template: string,
  body?: object,
) => Promise<Readonly<Record<string, unknown>>>;

const PAYMENTS = "/api/v1/payments";
const SAGA = "/api/v1/sagas/{id}";

/** What needs a saga that cannot go on is asked in `gateway/rest/payments.test.ts`. */
export const SAGA_ROUTES = [`GET ${SAGA}`, `POST ${SAGA}/retry`, `POST ${SAGA}/compensate`];

/** Asks all other routes of payments, with two wallets of one currency that have some money. */
export async function askPayments(ask: Ask, payerWalletId: string, merchantWalletId: string): Promise<void> {
  const facts = { payerWalletId, merchantWalletId, amountMinor: 10, currency: "EUR", description: "bread" };
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
