import { UuidV7 } from "../protocol/ids.ts";
import { ADMIN_KEY, type LedgerProcess } from "./ledger-process.ts";

type Json = Readonly<Record<string, unknown>>;

interface RestAnswer {
  readonly status: number;
  readonly replayed: boolean;
  readonly json: Json;
}

/** Somebody with a key of his own, and an active wallet. */
export interface Party {
  readonly ownerId: string;
  readonly key: string;
  readonly walletId: string;
}

/** Calls a ledger's REST interface as an admin, or as one of the parties that it makes. */
export class RestParties {
  readonly ids = new UuidV7();
  readonly #ledger: Pick<LedgerProcess, "url">;

  constructor(ledger: Pick<LedgerProcess, "url">) {
    this.#ledger = ledger;
  }

  async call(method: string, path: string, body?: object, key = ADMIN_KEY, id = this.ids.next()): Promise<RestAnswer> {
    const response = await fetch(`${this.#ledger.url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json", "idempotency-key": id },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const replayed = response.headers.get("idempotency-replayed") === "true";
    return { status: response.status, replayed, json: (await response.json()) as Json };
  }

  async party(role: "merchant" | "user", fundsMinor = 0, walletId = this.ids.next()): Promise<Party> {
    const ownerId = this.ids.next();
    const { json } = await this.call("POST", "/api-keys", { name: role, role, ownerId });
    await this.call("POST", "/wallets", { id: walletId, ownerId, currency: "EGP" });
    await this.call("POST", `/wallets/${walletId}/activate`);
    if (fundsMinor > 0) await this.call("POST", `/wallets/${walletId}/credit`, { amountMinor: fundsMinor });
    return { ownerId, key: json.key as string, walletId };
  }

  /** What a party has: posted, and available. */
  async balance({ walletId }: Pick<Party, "walletId">): Promise<readonly unknown[]> {
    const { json } = await this.call("GET", `/wallets/${walletId}/balance`);
    return [json.postedMinor, json.availableMinor];
  }
}
