/**
 * Kills the ledger with SIGKILL while people top up and pay out and the provider misbehaves at random, and starts it again.
 *
 * At the end, when the provider has been asked about everything that was open: each top-up and payout says what the provider's own books
 * say, or waits for an operator, whose word then makes them agree; wallets and the provider's account have what follows from that, and
 * the books balance. `mizan verify` finds nothing after any kill.
 *
 * MIZAN_CRASH_ROUNDS says how often (`npm run test:crash -- --rounds N`), MIZAN_CRASH_SEED repeats the choices.
 */

import { setTimeout as delay } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import type { Fault, Script } from "../deploy/sandbox-provider/books.ts";
import { askMizan } from "./mizan-command.ts";
import { type Facts, ProviderWorld } from "./provider-world.ts";
import { checkBooks, endsWithConnection, randomFrom } from "./writers.ts";

const PEOPLE = 6;
const WRITERS = 4;
const OPENING_MINOR = 1_000_000;
const ANSWERS_PER_ROUND = 12;
const WITHIN_MS = 240_000;
const KILLS = Number(process.env.MIZAN_CRASH_ROUNDS ?? 3);
const seed = Number(process.env.MIZAN_CRASH_SEED ?? Date.now() % 1_000_000_000);

const FAULTS: readonly (Fault | undefined)[] = [
  ...Array<undefined>(6).fill(undefined),
  "slow",
  "error_before",
  "error_after",
  "reset_before",
  "reset_after",
  "refused",
  "broken",
];
const CALLBACKS = [
  undefined,
  undefined,
  undefined,
  "twice",
  "lost",
  "forged",
  "before_answer",
  "out_of_order",
] as const;
const ENDED_TOP_UPS: readonly unknown[] = ["COMPLETED", "FAILED", "REFUNDED", "PENDING"];
const ENDED_PAYOUTS: readonly unknown[] = ["PAID", "FAILED"];

let world: ProviderWorld | undefined;
afterEach(() => world?.stop());

test(`${KILLS} kills: ledger and provider agree (seed ${seed})`, { timeout: 600_000 + KILLS * 60_000 }, async () => {
  const random = randomFrom(seed);
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)];
  const started = await ProviderWorld.start({ timeoutMs: 1_000, quietMs: 3_000, reconcileIntervalMs: 500 });
  world = started;
  const { ledger, sandbox } = started;
  const wallets: string[] = [];
  for (let count = 0; count < PEOPLE; count += 1) wallets.push((await started.person(OPENING_MINOR)).walletId);
  let answered = 0;

  const randomScript = (): Script => ({
    ...given("initiate", pick(FAULTS)),
    ...given("refund", pick(FAULTS)),
    ...given("callbacks", pick(CALLBACKS)),
    ...given("paidMinor", random() < 0.1 ? 777 : undefined),
    ...(random() < 0.1 ? { status: "error_before", statusFaults: 2 } : {}),
    pays: random() < 0.7,
  });
  const write = (): Promise<void> =>
    endsWithConnection(async () => {
      for (;;) {
        const walletId = pick(wallets);
        const script = randomScript();
        if (random() < 0.3) {
          const { paidMinor: _, ...asAsked } = script;
          await started.payOut(walletId, { ...asAsked, pays: random() < 0.8 });
        } else {
          const { json } = await started.topUp(random() < 0.5 ? "fawry" : "paymob", walletId, script);
          if (random() < 0.3) await started.call("POST", `/topups/${json.id}/refund`, { reason: "changed his mind" });
        }
        answered += 1;
      }
    });

  for (let kill = 0; kill < KILLS; kill += 1) {
    const enough = answered + ANSWERS_PER_ROUND;
    const writers = Array.from({ length: WRITERS }, write);
    const deadlineMs = Date.now() + WITHIN_MS;
    while (answered < enough && Date.now() < deadlineMs) await delay(10);
    await delay(random() * 500);
    await ledger.end("SIGKILL");
    await Promise.all(writers);
    expect(await askMizan(["verify", ledger.dataDir])).toMatchObject({ ok: true, problems: [], exitCode: 0 });
    await ledger.start();
  }

  // The provider ends what it has pending, and answers everything from now on.
  for (const order of sandbox.books.orders.values()) {
    sandbox.books.setScript(order.id, {
      callbacks: "lost",
      ...given("paidMinor", sandbox.books.script(order.id).paidMinor),
    });
    if (order.kind === "payout" && random() < 0.5) await sandbox.pay(order.id);
    else if (order.kind === "payout") await sandbox.end(order.id, "FAILED");
  }
  await expect.poll(async () => (await unsettled(started)).length, { timeout: WITHIN_MS, interval: 500 }).toBe(0);

  const resolved = await resolveAll(started);
  const balances = new Map([...wallets, started.float].map((id) => [id, id === started.float ? 0 : OPENING_MINOR]));
  const move = (walletId: string, minor: number): void => {
    balances.set(walletId, (balances.get(walletId) ?? 0) + minor);
    balances.set(started.float, (balances.get(started.float) ?? 0) - minor);
  };
  const statuses = new Map<string, number>();
  for (const kind of ["topups", "payouts"] as const) {
    for (const found of await all(started, kind)) {
      const { id, status, walletId, creditedMinor, amountMinor } = found as Record<string, never>;
      const { paidMinor = 0, refundedMinor = 0 } = started.order(id) ?? {};
      const label = `${kind} ${status}`;
      statuses.set(label, (statuses.get(label) ?? 0) + 1);
      const expectedMinor =
        kind === "payouts" ? (status === "PAID" ? amountMinor : 0) : status === "COMPLETED" ? creditedMinor : 0;
      expect({ id, status, movedMinor: paidMinor - refundedMinor }).toEqual({ id, status, movedMinor: expectedMinor });
      move(walletId, kind === "payouts" ? -expectedMinor : expectedMinor);
    }
  }
  for (const provider of ["fawry", "paymob"] as const) {
    const { lines } = (await started.report(provider)) as { readonly lines: readonly { readonly result: string }[] };
    expect(lines.filter(({ result }) => result !== "matched")).toEqual([]);
  }
  await checkBooks(ledger, balances);
  console.log(`providers: ${[...statuses].map((entry) => entry.join(" ")).join(", ")}; ${resolved} by an operator`);
});

function given<Name extends keyof Script>(name: Name, value: Script[Name] | undefined): Partial<Script> {
  return value === undefined ? {} : ({ [name]: value } as Partial<Script>);
}

async function all(started: ProviderWorld, kind: "topups" | "payouts"): Promise<readonly Facts[]> {
  const found: Facts[] = [];
  for (let cursor: unknown; cursor !== null; ) {
    const { json } = await started.call("GET", `/${kind}?limit=200${cursor === undefined ? "" : `&cursor=${cursor}`}`);
    found.push(...(json[kind] as readonly Facts[]));
    cursor = json.nextCursor;
  }
  return found;
}

/** What the provider has yet to be asked about: not ended, or pending although it was paid. */
async function unsettled(started: ProviderWorld): Promise<readonly Facts[]> {
  const topUps = (await all(started, "topups")).filter(({ id, status, attention }) => {
    const isPaid = (started.order(id)?.paidMinor ?? 0) > 0 && (attention as readonly unknown[]).length === 0;
    return !ENDED_TOP_UPS.includes(status) || (status === "PENDING" && isPaid);
  });
  return [...topUps, ...(await all(started, "payouts")).filter(({ status }) => !ENDED_PAYOUTS.includes(status))];
}

/** An operator accepts all money that waits; money of a top-up that was ended before it came is asked about once more. */
async function resolveAll(started: ProviderWorld): Promise<number> {
  let resolved = 0;
  for (const kind of ["topups", "payouts"] as const) {
    for (const { id, attention } of await all(started, kind)) {
      for (const { transactionId, decision } of attention as readonly Facts[]) {
        if (decision !== undefined) continue;
        const body = { transactionId, decision: "accept", reason: "the provider has it" };
        expect((await started.call("POST", `/${kind}/${id}/resolve`, body)).status).toBe(200);
        resolved += 1;
      }
    }
  }
  return resolved;
}
