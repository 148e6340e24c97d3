import { UuidV7 } from "../protocol/ids.ts";
import type { Ask, OpenWallet } from "./contract-ask.ts";

const MERCHANTS = "/api/v1/merchants";
const ONE = `${MERCHANTS}/{id}`;

/** Asks all routes of merchants. */
export async function askMerchants(ask: Ask, wallet: OpenWallet): Promise<void> {
  const facts = {
    name: "Koshary",
    ownerId: new UuidV7().next(),
    walletId: await wallet(500),
    payoutWalletId: await wallet(0),
    currency: "EUR",
    settlement: { every: "month", hour: 0, timeZone: "Africa/Cairo" },
  };
  const { id } = await ask("POST", MERCHANTS, MERCHANTS, facts);
  const path = `${MERCHANTS}/${id}`;
  const fee = { walletId: facts.payoutWalletId, fixedMinor: 1, basisPoints: 100 };
  await ask("PUT", `${path}/fee-rule`, `${ONE}/fee-rule`, { fee });
  await ask("PUT", `${path}/settlement-rule`, `${ONE}/settlement-rule`, { minimumPayoutMinor: 100 });
  await ask("POST", `${path}/suspend`, `${ONE}/suspend`, { reason: "looked at" });
  await ask("POST", `${path}/reactivate`, `${ONE}/reactivate`, {});
  await ask("POST", `${path}/settle`, `${ONE}/settle`, {});
  await ask("GET", `${path}/settlements`, `${ONE}/settlements`);
  await ask("GET", `${path}/settlements/1`, `${ONE}/settlements/{number}`);
  await ask("POST", `${path}/close`, `${ONE}/close`, { reason: "moved away" });
  await ask("GET", path, ONE);
  await ask("GET", `${MERCHANTS}?status=CLOSED&limit=1`, MERCHANTS);
}
