import { UuidV7 } from "../protocol/ids.ts";
import { JsonSocket } from "./json-socket.ts";
import { ADMIN_KEY, type LedgerProcess } from "./ledger-process.ts";

interface Person {
  readonly ownerId: string;
  readonly key: string;
}

interface Got {
  readonly status: number;
  readonly json: Readonly<Record<string, unknown>>;
}

const YEAR_MS = 31_536_000_000;
const HEADERS = { "content-type": "application/json" };

/** Who takes part in medical cards on a ledger: an issuer who pays, a holder, two pharmacies, and a stranger. */
export class MedCardParty {
  readonly issuer: Person;
  readonly holder: Person;
  readonly stranger: Person;
  readonly pharmacy: string;
  readonly otherPharmacy: string;
  readonly #ledger: LedgerProcess;
  readonly #ids: UuidV7;
  readonly #wallets: Readonly<Record<"fundingWalletId" | "holderWalletId" | "clearingWalletId", string>>;
  #socket: JsonSocket | undefined;

  private constructor(ledger: LedgerProcess, ids: UuidV7, persons: readonly Person[], wallets: readonly string[]) {
    this.#ledger = ledger;
    this.#ids = ids;
    [this.issuer, this.holder, this.stranger] = persons;
    [this.pharmacy, this.otherPharmacy] = wallets;
    this.#wallets = { fundingWalletId: wallets[2], holderWalletId: wallets[3], clearingWalletId: wallets[4] };
  }

  static async meet(ledger: LedgerProcess): Promise<MedCardParty> {
    const ids = new UuidV7();
    const post = async (path: string, body: object = {}): Promise<Readonly<Record<string, unknown>>> => {
      const headers = { ...HEADERS, authorization: `Bearer ${ADMIN_KEY}`, "idempotency-key": ids.next() };
      const request = { method: "POST", headers, body: JSON.stringify(body) };
      return (await (await fetch(`${ledger.url}/api/v1${path}`, request)).json()) as Record<string, unknown>;
    };
    const person = async (): Promise<Person> => {
      const ownerId = ids.next();
      const { key } = await post("/api-keys", { name: "person", role: "user", ownerId });
      return { ownerId, key: key as string };
    };
    const wallet = async ({ ownerId }: Pick<Person, "ownerId">, amountMinor = 0): Promise<string> => {
      const { id } = await post("/wallets", { ownerId, currency: "EGP" });
      await post(`/wallets/${id}/activate`);
      if (amountMinor > 0) await post(`/wallets/${id}/credit`, { amountMinor });
      return id as string;
    };
    const persons = [await person(), await person(), await person()];
    const pharmacist = { ownerId: ids.next() };
    const wallets = [await wallet(pharmacist), await wallet(pharmacist)];
    wallets.push(await wallet(persons[0], 1_000_000), await wallet(persons[1], 1_000_000));
    const clearing = await wallet({ ownerId: ids.next() });
    return new MedCardParty(ledger, ids, persons, [...wallets, clearing]);
  }

  newId(): string {
    return this.#ids.next();
  }

  /** Sends a command to a card, as an admin, until it is answered. **Errors**: throws where it is refused. */
  async command(cardId: string, command: object): Promise<void> {
    const request = { type: "ActorCommand", id: this.newId(), actor: "MedCard", actorId: cardId, command };
    for (;;) {
      if (this.#socket === undefined || this.#socket.closeCode !== 0)
        this.#socket = await JsonSocket.open(this.#ledger.url);
      const { ok, error } = await this.#socket.ask(request);
      if (ok === true) return;
      const { code } = error as { readonly code: string };
      if (code !== "in_progress") throw new Error(`${JSON.stringify(command)}: ${code}`);
    }
  }

  /** Issues and activates a card of the tier SILVER: a fifth is the holder's. */
  async issue(): Promise<string> {
    const cardId = this.newId();
    await this.command(cardId, {
      type: "IssueCard",
      ownerId: this.issuer.ownerId,
      holderId: this.holder.ownerId,
      tier: "SILVER",
      currency: "EGP",
      ...this.#wallets,
      expiresAt: new Date(Date.now() + YEAR_MS).toISOString(),
    });
    await this.command(cardId, { type: "ActivateCard" });
    return cardId;
  }

  /** Claims a prescription for the holder at the first pharmacy, unless it is said otherwise; returns its id. */
  async claim(cardId: string, totalMinor: number, more: object = {}): Promise<string> {
    const claimId = this.newId();
    const items = [{ code: "a", quantity: 1, unitPriceMinor: totalMinor }];
    const facts = { pharmacyWalletId: this.pharmacy, beneficiaryId: this.holder.ownerId, category: "MEDICATION" };
    await this.command(cardId, { type: "ClaimPrescription", claimId, ...facts, totalMinor, items, ...more });
    return claimId;
  }

  async get(path: string, key = ADMIN_KEY): Promise<Got> {
    const response = await fetch(`${this.#ledger.url}/api/v1${path}`, { headers: { authorization: `Bearer ${key}` } });
    return { status: response.status, json: (await response.json()) as Record<string, unknown> };
  }

  /** Closes its connection. */
  leave(): void {
    this.#socket?.close();
  }
}
