import { describe, expect, test } from "vitest";
import { OPERATION } from "../../protocol/command-record.ts";
import { LINKED_RUN_BYTES_MAX, LINKED_RUN_MAX } from "../../protocol/limits.ts";
import { idLanes } from "../../test/engine-harness.ts";
import { ADMIN, EGP, EngineSession, OWNER_ID, USD } from "../../test/engine-session.ts";
import { type Answer, command, type LedgerCommand, NIL_ID, timedId, untimedId } from "../../test/ledger-command.ts";
import { expectSameState } from "../../test/same-state.ts";

type Part = Partial<LedgerCommand> & Pick<LedgerCommand, "operation" | "walletId">;

/** A run of commands: all but the last one are flagged as linked. */
function run(session: EngineSession, parts: readonly Part[]): LedgerCommand[] {
  return parts.map((part, index) => command({ id: session.nextId(), linked: index < parts.length - 1, ...part }));
}

function codes(answers: readonly Answer[]): string[] {
  return answers.map(({ code }) => code);
}

function withWallets(): { session: EngineSession; a: string; b: string; transfer: (amountMinor: bigint) => Part } {
  const session = new EngineSession(1);
  const a = session.openWallet(0, { balanceMinor: 100n });
  const b = session.openWallet(0);
  const transfer = (amountMinor: bigint): Part => ({
    operation: OPERATION.Transfer,
    walletId: a,
    counterpartyId: b,
    amountMinor,
  });
  return { session, a, b, transfer };
}

describe("a run that succeeds", () => {
  test("is applied in order, and each answer shows the balances right after its command", () => {
    const { session, a, transfer } = withWallets();
    const answers = session.send(0, run(session, [transfer(10n), transfer(20n), transfer(30n)]));
    expect(answers).toMatchObject([
      { code: "ok", wallet: { postedMinor: 90n, version: 4n }, counterparty: { postedMinor: 10n } },
      { code: "ok", wallet: { postedMinor: 70n, version: 5n }, counterparty: { postedMinor: 30n } },
      { code: "ok", wallet: { postedMinor: 40n, version: 6n }, counterparty: { postedMinor: 60n } },
    ]);
    expect(session.wallet(a).version).toBe(6n);
  });

  test("may open a wallet and use it", () => {
    const session = new EngineSession(1);
    const walletId = session.nextWalletId(0);
    const opened = { counterpartyId: OWNER_ID, currency: EGP, walletType: 1 };
    const parts: Part[] = [
      { operation: OPERATION.CreateWallet, walletId, ...opened },
      { operation: OPERATION.ActivateWallet, walletId },
      { operation: OPERATION.Credit, walletId, amountMinor: 5n },
    ];
    expect(codes(session.send(0, run(session, parts)))).toEqual(["ok", "ok", "ok"]);
    expect(session.wallet(walletId)).toMatchObject({ postedMinor: 5n, version: 3n });
  });

  test("is answered as before when it is sent again, linked or one by one", () => {
    const { session, transfer } = withWallets();
    const commands = run(session, [transfer(10n), transfer(20n)]);
    const first = session.send(0, commands);
    const again = first.map((answer) => ({ ...answer, replayed: true }));
    expect(session.send(0, commands)).toEqual(again);
    expect(
      session.send(
        0,
        commands.map((one) => ({ ...one, linked: false })),
      ),
    ).toEqual(again);
  });
});

describe("a run of which a command fails", () => {
  test("changes nothing: the failure keeps its code, the others are linked_failed", () => {
    const { session, a, transfer } = withWallets();
    const before = session.engine.wallets(0);
    const commands = run(session, [
      transfer(60n),
      { operation: OPERATION.FreezeWallet, walletId: a },
      transfer(60n),
      transfer(1n),
    ]);
    const answers = session.send(0, commands);
    expect(codes(answers)).toEqual(["linked_failed", "linked_failed", "wallet_frozen", "linked_failed"]);
    expect(session.engine.wallets(0)).toEqual(before);
    expect(session.send(0, commands)).toEqual(answers.map((answer) => ({ ...answer, replayed: true })));
  });

  test("takes back wallets, owners and accounts that it opened", () => {
    const { session, transfer } = withWallets();
    const before = session.engine.wallets(0);
    const walletId = session.nextWalletId(0);
    const create = {
      operation: OPERATION.CreateWallet,
      walletId,
      counterpartyId: untimedId(0xee),
      currency: USD,
      walletType: 2,
    };
    expect(codes(session.send(0, run(session, [create, transfer(101n)])))).toEqual([
      "linked_failed",
      "insufficient_funds",
    ]);
    expect(session.engine.wallets(0)).toEqual(before);
    session.openWallet(0, { walletId, currency: USD, ownerId: untimedId(0xef) });
    expectSameState(session.engine.state(0), session.engine.rebuilt(0), [], session.nowMs);
  });

  test("leaves no trace where the failure may pass", () => {
    const { session, transfer } = withWallets();
    const commands = run(session, [transfer(10n), { ...transfer(10n), id: timedId(session.nowMs + 60_000, 1) }]);
    expect(session.send(0, commands)).toMatchObject([
      { code: "linked_failed", sequence: 0 },
      { code: "id_in_future", sequence: 0 },
    ]);
    session.nowMs += 58_000;
    expect(codes(session.send(0, commands))).toEqual(["ok", "ok"]);
  });

  test.each([
    { name: "nil", id: NIL_ID, code: "id_required" },
    { name: "from the future", id: timedId(2 ** 47, 1), code: "id_in_future" },
    { name: "expired", id: timedId(1_000, 1), code: "id_expired" },
  ])("remembers no id that is $name, behind the failure or not", ({ id, code }) => {
    const { session, transfer } = withWallets();
    const failing = run(session, [transfer(101n), { ...transfer(1n), id }]);
    expect(session.send(0, failing)).toMatchObject([
      { code: "insufficient_funds", replayed: false },
      { code: "linked_failed", sequence: 0 },
    ]);
    expect(session.engine.state(0).ids.find(idLanes(id), 0)).toBe(0);
    expect(codes(session.send(0, run(session, [{ ...transfer(1n), id }])))).toEqual([code]);
  });

  test.each([
    { name: "is used twice in the run", prepare: false },
    { name: "was used before", prepare: true },
  ])("fails with id_reused where an id $name", ({ prepare }) => {
    const { session, transfer } = withWallets();
    const id = session.nextId();
    if (prepare) session.send(0, run(session, [{ ...transfer(1n), id }]));
    const repeated = { ...transfer(2n), id };
    const parts = prepare ? [transfer(3n), repeated] : [{ ...transfer(2n), id }, transfer(3n), repeated];
    const answers = codes(session.send(0, run(session, parts)));
    expect(answers.at(-1)).toBe("id_reused");
    expect(new Set(answers.slice(0, -1))).toEqual(new Set(["linked_failed"]));
  });

  test("publishes none of its changes", () => {
    const { session, transfer } = withWallets();
    session.engine.request(0, 8, 1, 0, new Uint8Array(), ADMIN);
    session.engine.flush(0);
    session.engine.others.length = 0;
    session.send(0, run(session, [transfer(10n), transfer(101n)]));
    expect(session.engine.others).toEqual([]);
    session.send(0, run(session, [transfer(10n), transfer(1n)]));
    expect(session.engine.others.map(({ count }) => count)).toEqual([4]);
  });
});

describe("a run that cannot be", () => {
  test("because its last command is flagged leaves no trace", () => {
    const { session, transfer } = withWallets();
    const commands = run(session, [transfer(1n), transfer(2n)]).map((one) => ({ ...one, linked: true }));
    expect(session.send(0, commands)).toMatchObject([
      { code: "linked_run_open", sequence: 0 },
      { code: "linked_run_open", sequence: 0 },
    ]);
    expect(codes(session.send(0, [commands[0], { ...commands[1], linked: false }]))).toEqual(["ok", "ok"]);
  });

  test("because it has too many commands is refused, and the command behind it is executed", () => {
    const { session, transfer } = withWallets();
    const tooLong = run(
      session,
      Array.from({ length: LINKED_RUN_MAX + 1 }, () => transfer(1n)),
    );
    const answers = codes(session.send(0, [...tooLong, ...run(session, [transfer(1n)])], { details: false }));
    expect(new Set(answers.slice(0, -1))).toEqual(new Set(["linked_run_too_long"]));
    expect(answers.at(-1)).toBe("ok");
  });

  test("because its records are too long is refused", () => {
    const { session, a, transfer } = withWallets();
    const metadata = JSON.stringify({ note: "x".repeat(1_000) });
    const extension = { reference: NIL_ID, expectedVersion: 0n, metadata };
    const count = Math.ceil(LINKED_RUN_BYTES_MAX / 1_152) + 1;
    const parts = Array.from({ length: count }, () => ({ ...transfer(1n), extension }));
    expect(new Set(codes(session.send(0, run(session, parts))))).toEqual(new Set(["linked_run_too_long"]));
    expect(new Set(codes(session.send(0, run(session, parts.slice(0, 99)))))).toEqual(new Set(["ok"]));
    expect(session.wallet(a).postedMinor).toBe(1n);
  });

  test("because it would leave the shard is refused and leaves no trace", () => {
    const session = new EngineSession(2);
    const walletId = session.openWallet(0, { balanceMinor: 100n });
    const far = { operation: OPERATION.Transfer, walletId, counterpartyId: session.openWallet(1), amountMinor: 1n };
    const debit = { operation: OPERATION.Debit, walletId, amountMinor: 1n };
    expect(session.send(0, run(session, [debit, far]))).toMatchObject([
      { code: "linked_failed", sequence: 0 },
      { code: "linked_across_shards", sequence: 0 },
    ]);
    expect(session.wallet(walletId).postedMinor).toBe(100n);
  });
});
