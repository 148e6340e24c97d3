/** Runs the sandbox provider until it is stopped, and says how a ledger is connected to it. */

import { parseArgs } from "node:util";
import { SandboxProvider } from "./sandbox-provider.ts";

const SECRETS = {
  fawry: { merchantCode: "sandbox-merchant", secureKey: "sandbox-secure-key" },
  paymob: { secretKey: "sandbox-secret-key", apiKey: "sandbox-api-key", hmacSecret: "sandbox-hmac-secret" },
};

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "7080" },
    ledger: { type: "string", default: "http://127.0.0.1:7070" },
    wallet: { type: "string", default: "00000000-0000-4000-8000-000000000001" },
  },
});
const callbackUrl = (name: string): string => `${values.ledger}/api/v1/providers/${name}/callbacks`;
const sandbox = new SandboxProvider({
  fawry: { ...SECRETS.fawry, callbackUrl: callbackUrl("fawry") },
  paymob: { ...SECRETS.paymob, callbackUrl: callbackUrl("paymob") },
  slowMs: 30_000,
});
const baseUrl = await sandbox.start(Number(values.port));
const payouts = { baseUrl, clientId: "sandbox", clientSecret: "sandbox", username: "sandbox", password: "sandbox" };
const providers = [
  { kind: "fawry", name: "fawry", baseUrl, walletId: values.wallet, ...SECRETS.fawry },
  {
    kind: "paymob",
    name: "paymob",
    baseUrl,
    walletId: values.wallet,
    ...SECRETS.paymob,
    publicKey: "sandbox-public-key",
    integrations: { card: 1, wallet: 2 },
    payouts,
  },
];
process.stderr.write(`Sandbox provider at ${baseUrl}. A file for MIZAN_PROVIDERS:\n`);
process.stdout.write(`${JSON.stringify({ providers }, null, 2)}\n`);
