import type { ActorCommand, ActorResult, Command, CommandResult, Mizan } from "../../client/index.ts";
import { UuidV7 } from "../../protocol/ids.ts";

export const CURRENCY = "EGP";
const COMMANDS_AT_ONCE = 1_000;
const REST_TIMEOUT_MS = 60_000;

export interface NewWallet {
  readonly walletId: string;
  readonly ownerId: string;
  readonly walletType: "customer" | "merchant" | "system";
  readonly overdraftLimitMinor?: number;
  /** Credited from outside; nothing where absent. */
  readonly openingMinor?: number;
}

export interface RestAnswer {
  readonly ok: boolean;
  readonly json: Readonly<Record<string, unknown>>;
}

/** A ledger as the demo talks to it, with an admin's key: commands over the client, the rest over REST. */
export class Ledger {
  readonly ids = new UuidV7();
  readonly #mizan: Mizan;
  readonly #url: string;
  readonly #key: string;

  constructor(mizan: Mizan, url: string, key: string) {
    this.#mizan = mizan;
    this.#url = url;
    this.#key = key;
  }

  /** Opens wallets, in the demo's currency. **Errors**: throws where one is refused. */
  async openWallets(wallets: readonly NewWallet[]): Promise<void> {
    const commands = wallets.flatMap(({ openingMinor, ...wallet }): Command[] => {
      const { walletId } = wallet;
      const credit = { type: "Credit" as const, walletId, amountMinor: openingMinor ?? 0 };
      return [
        { type: "CreateWallet", currency: CURRENCY, ...wallet },
        { type: "ActivateWallet", walletId },
        ...(openingMinor === undefined ? [] : [credit]),
      ];
    });
    for (const part of partsOf(commands)) allDone(await this.#mizan.batch(part));
  }

  batch(commands: readonly Command[]): Promise<readonly CommandResult[]> {
    return this.#mizan.batch(commands);
  }

  /** As many commands on actors as there are; each has its own result, in the same order. */
  async actors(commands: readonly ActorCommand[]): Promise<readonly ActorResult[]> {
    const results: ActorResult[] = [];
    for (const part of partsOf(commands)) results.push(...(await this.#mizan.actors(part)));
    return results;
  }

  /** Sends commands on actors. **Errors**: throws where one is refused. */
  async mustTake(commands: readonly ActorCommand[]): Promise<void> {
    allDone(await this.actors(commands));
  }

  /** Asks, or tells where there is a body. The path begins after `/api/v1`. */
  async rest(path: string, body?: object): Promise<RestAnswer> {
    const response = await fetch(`${this.#url}/api/v1${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: {
        authorization: `Bearer ${this.#key}`,
        ...(body === undefined ? {} : { "content-type": "application/json", "idempotency-key": this.ids.next() }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(REST_TIMEOUT_MS),
    });
    return { ok: response.ok, json: (await response.json()) as RestAnswer["json"] };
  }

  /** Whether every currency sums to zero. */
  async isBalanced(): Promise<boolean> {
    const books = await this.#mizan.trialBalance();
    return books.ok && books.lines.length > 0 && books.lines.every(({ sumMinor }) => sumMinor === "0");
  }
}

/** Does something with each, so many at once. The results are in the order of the things. */
export async function forEach<Thing, Result>(
  things: readonly Thing[],
  atOnce: number,
  act: (thing: Thing) => Promise<Result>,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  for (let first = 0; first < things.length; first += atOnce) {
    results.push(...(await Promise.all(things.slice(first, first + atOnce).map(act))));
  }
  return results;
}

function partsOf<Part>(commands: readonly Part[]): readonly (readonly Part[])[] {
  const count = Math.ceil(commands.length / COMMANDS_AT_ONCE);
  return Array.from({ length: count }, (_, part) =>
    commands.slice(part * COMMANDS_AT_ONCE, (part + 1) * COMMANDS_AT_ONCE),
  );
}

function allDone(results: readonly (CommandResult | ActorResult)[]): void {
  const refused = results.find(({ ok }) => !ok);
  if (refused?.ok === false) throw new Error(`what the demo begins with was refused: ${refused.message}`);
}
