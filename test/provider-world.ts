/** A ledger, the sandbox provider, and people whose wallets are topped up and paid out. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import type { Order, Script } from "../deploy/sandbox-provider/books.ts";
import { SandboxProvider } from "../deploy/sandbox-provider/sandbox-provider.ts";
import { API_ROUTES } from "../gateway/rest/routes.ts";
import { UuidV7 } from "../protocol/ids.ts";
import { ADMIN_KEY, LedgerProcess } from "./ledger-process.ts";

const FAWRY = { merchantCode: "merchant", secureKey: "secure-key-of-a-test" };
const PAYMOB = { secretKey: "secret-key-of-a-test", apiKey: "api-key-of-a-test", hmacSecret: "hmac-secret-of-a-test" };

export type Facts = Readonly<Record<string, unknown>>;
export type ProviderName = "fawry" | "paymob";

export interface Reply {
  readonly status: number;
  readonly replayed: boolean;
  readonly json: Facts;
}

export interface WorldOptions {
  readonly timeoutMs?: number;
  readonly breakerFailures?: number;
  readonly reconcileIntervalMs?: number;
  readonly quietMs?: number;
  readonly env?: NodeJS.ProcessEnv;
}

export class ProviderWorld {
  readonly ids = new UuidV7();
  readonly ledger: LedgerProcess;
  readonly sandbox: SandboxProvider;
  /** The account of both providers. */
  readonly float: string;
  readonly #directory: string;

  private constructor(ledger: LedgerProcess, sandbox: SandboxProvider, float: string, directory: string) {
    this.ledger = ledger;
    this.sandbox = sandbox;
    this.float = float;
    this.#directory = directory;
  }

  /** Starts both. The ledger asks about open orders only where it is told to, unless an interval is given. */
  static async start(options: WorldOptions = {}): Promise<ProviderWorld> {
    const { timeoutMs = 3_000, breakerFailures = 1_000, reconcileIntervalMs = 0, quietMs = 1, env = {} } = options;
    const directory = mkdtempSync(join(tmpdir(), "mizan-providers-"));
    const file = join(directory, "providers.json");
    const ledger = await LedgerProcess.create({
      MIZAN_SHARDS: "2",
      MIZAN_PROVIDERS: file,
      MIZAN_RECONCILE_INTERVAL_MS: String(reconcileIntervalMs),
      TEST_SECURE_KEY: FAWRY.secureKey,
      ...env,
    });
    const callbackUrl = (name: ProviderName): string => `${ledger.url}/api/v1/providers/${name}/callbacks`;
    const sandbox = new SandboxProvider({
      fawry: { ...FAWRY, callbackUrl: callbackUrl("fawry") },
      paymob: { ...PAYMOB, callbackUrl: callbackUrl("paymob") },
      slowMs: 600_000,
    });
    const baseUrl = await sandbox.start();
    const walletId = new UuidV7().next();
    const common = { baseUrl, walletId, timeoutMs, breakerFailures, breakerOpenMs: 200, quietMs };
    const payouts = { baseUrl, clientId: "a", clientSecret: "b", username: "c", password: "d" };
    const providers = [
      {
        kind: "fawry",
        name: "fawry",
        ...common,
        merchantCode: FAWRY.merchantCode,
        secureKey: { env: "TEST_SECURE_KEY" },
      },
      { kind: "paymob", name: "paymob", ...common, ...PAYMOB, publicKey: "p", integrations: { card: 1 }, payouts },
    ];
    writeFileSync(file, JSON.stringify({ providers }));
    await ledger.start();
    const world = new ProviderWorld(ledger, sandbox, walletId, directory);
    await world.openWallet(world.ids.next(), { id: walletId, type: "system", overdraftLimitMinor: 1_000_000_000 });
    return world;
  }

  async stop(): Promise<void> {
    await this.ledger.dispose();
    await this.sandbox.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async call(method: string, path: string, body?: object, key = ADMIN_KEY, id = this.ids.next()): Promise<Reply> {
    const response = await fetch(`${this.ledger.url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json", "idempotency-key": id },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const replayed = response.headers.get("idempotency-replayed") === "true";
    const json = (await response.json()) as Facts;
    if (response.ok) checkShape(method, path, json);
    return { status: response.status, replayed, json };
  }

  async openWallet(ownerId: string, facts: object = {}): Promise<string> {
    const { json } = await this.call("POST", "/wallets", { id: this.ids.next(), ownerId, currency: "EGP", ...facts });
    const activated = await this.call("POST", `/wallets/${json.id}/activate`);
    expect(activated.status).toBe(200);
    return String(json.id);
  }

  /** A person with a wallet, and a key to it. */
  async person(fundsMinor = 0): Promise<{ readonly walletId: string; readonly key: string }> {
    const ownerId = this.ids.next();
    const { json } = await this.call("POST", "/api-keys", { name: "person", role: "user", ownerId });
    const walletId = await this.openWallet(ownerId);
    if (fundsMinor > 0) await this.call("POST", `/wallets/${walletId}/credit`, { amountMinor: fundsMinor });
    return { walletId, key: String(json.key) };
  }

  async balance(walletId: string): Promise<unknown> {
    return (await this.call("GET", `/wallets/${walletId}/balance`)).json.postedMinor;
  }

  /** Asks for a top-up whose order the sandbox treats as a script says. */
  topUp(
    provider: ProviderName,
    walletId: string,
    script: Script = {},
    key = ADMIN_KEY,
    id = this.ids.next(),
    commandId = this.ids.next(),
  ): Promise<Reply> {
    this.sandbox.books.setScript(id, script);
    const method = provider === "fawry" ? "PAYATFAWRY" : "card";
    const customer = { name: "Nour Hassan", mobile: "01000000000", email: "nour@example.org" };
    const body = { id, walletId, provider, method, amountMinor: 12_345, currency: "EGP", customer };
    return this.call("POST", "/topups", body, key, commandId);
  }

  payOut(
    walletId: string,
    script: Script = {},
    key = ADMIN_KEY,
    amountMinor = 2_050,
    id = this.ids.next(),
  ): Promise<Reply> {
    this.sandbox.books.setScript(id, script);
    const destination = { name: "Nour Hassan", mobile: "01000000000" };
    const body = { id, walletId, provider: "paymob", method: "vodafone", amountMinor, currency: "EGP", destination };
    return this.call("POST", "/payouts", body, key);
  }

  async found(kind: "topups" | "payouts", id: unknown): Promise<Facts> {
    return (await this.call("GET", `/${kind}/${id}`)).json;
  }

  async reconcile(provider: ProviderName): Promise<Facts> {
    const { status, json } = await this.call("POST", `/providers/${provider}/reconciliations`);
    expect(status).toBe(200);
    return json;
  }

  /** Asks the provider again and again until an actor has a status. */
  async settles(kind: "topups" | "payouts", id: unknown, provider: ProviderName, status: string): Promise<Facts> {
    await expect
      .poll(
        async () => {
          await this.reconcile(provider);
          return (await this.found(kind, id)).status;
        },
        { timeout: 120_000, interval: 50 },
      )
      .toBe(status);
    return this.found(kind, id);
  }

  /** What is in the provider's own books. */
  order(id: unknown): Order | undefined {
    return this.sandbox.books.orders.get(String(id));
  }

  /** The day's report of a provider. */
  async report(provider: ProviderName): Promise<Facts> {
    const date = new Intl.DateTimeFormat("en-CA", { timeZone: "Africa/Cairo" }).format(Date.now());
    const { status, json } = await this.call("GET", `/providers/${provider}/reconciliations/${date}`);
    expect(status).toBe(200);
    return json;
  }
}

/** Every answer has the shape that its route shows. */
function checkShape(method: string, path: string, json: Facts): void {
  const shown = API_ROUTES.find(
    (route) =>
      route.method.toUpperCase() === method &&
      new RegExp(`^${route.path.replace(/\{\w+\}/g, "[^/]+")}$`).test(`/api/v1${path.split("?")[0]}`),
  );
  if (shown === undefined) throw new Error(`there is no route ${method} ${path}`);
  shown.answer.parse(json);
}
