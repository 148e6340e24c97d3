import { describe, expect, test } from "vitest";
import { OPERATION } from "../../protocol/command-record.ts";
import { MemoryJournal } from "../../test/engine-harness.ts";
import { ADMIN, EngineSession } from "../../test/engine-session.ts";
import { command, NIL_ID } from "../../test/ledger-command.ts";
import { expectSameState } from "../../test/same-state.ts";

describe("a journal that cannot take a frame", () => {
  test("stops the shard before anything of the frame is shown, and a start goes on before it", () => {
    const journal = new MemoryJournal();
    const session = new EngineSession(1, {}, [journal]);
    const { engine } = session;
    const walletId = session.openWallet(0, { balanceMinor: 100n });
    const debit = command({ id: session.nextId(), operation: OPERATION.Debit, walletId, amountMinor: 30n });
    journal.isFull = true;
    engine.submit(0, { token: 7, caller: ADMIN, details: true, timeOrderedIds: true, commands: [debit] });
    expect(() => engine.flush(0)).toThrow("no space left on device");
    expect(engine.published(0)).toEqual([]);
    journal.isFull = false;
    engine.crash();
    expect(session.wallet(walletId).postedMinor).toBe(100n);
    expect(session.send(0, [debit])).toMatchObject([{ code: "ok", replayed: false, wallet: { postedMinor: 70n } }]);
  });

  test("keeps the messages to other shards back as well", () => {
    const journal = new MemoryJournal();
    const session = new EngineSession(2, {}, [journal, new MemoryJournal()]);
    const { engine } = session;
    const walletId = session.openWallet(0, { balanceMinor: 100n });
    const counterpartyId = session.openWallet(1);
    const transfer = { operation: OPERATION.Transfer, walletId, counterpartyId, amountMinor: 30n };
    journal.isFull = true;
    const commands = [command({ id: session.nextId(), ...transfer })];
    engine.submit(0, { token: 7, caller: ADMIN, details: true, timeOrderedIds: true, commands });
    expect(() => engine.flush(0)).toThrow("no space left on device");
    expect(engine.waiting(0, 1)).toBe(0);
  });
});

describe("what does not fit one frame", () => {
  test("is committed in several, answered together, and comes back whole", () => {
    const session = new EngineSession(1);
    const from = session.openWallet(0, { balanceMinor: 10_000n });
    const to = session.openWallet(0);
    const metadata = JSON.stringify({ note: "x".repeat(1_000) });
    const commands = Array.from({ length: 800 }, () =>
      command({
        id: session.nextId(),
        operation: OPERATION.Transfer,
        walletId: from,
        counterpartyId: to,
        amountMinor: 1n,
        extension: { reference: NIL_ID, expectedVersion: 0n, metadata },
      }),
    );
    const before = session.engine.state(0).sequence;
    const answers = session.send(0, commands);
    expect(answers.map(({ sequence }) => sequence)).toEqual(commands.map((_, index) => before + 1 + index));
    expect(answers.at(-1)).toMatchObject({ wallet: { postedMinor: 9_200n }, counterparty: { postedMinor: 800n } });
    expectSameState(session.engine.state(0), session.engine.rebuilt(0), [], session.nowMs);
    expect(session.send(0, commands)).toEqual(answers.map((answer) => ({ ...answer, replayed: true })));
  });

  test("waits for the next frame whole where part of a frame is taken", () => {
    const session = new EngineSession(1);
    const walletId = session.openWallet(0, { balanceMinor: 100_000n });
    const debits = (): ReturnType<typeof command>[] =>
      Array.from({ length: 5_000 }, () =>
        command({ id: session.nextId(), operation: OPERATION.Debit, walletId, amountMinor: 1n }),
      );
    const { engine } = session;
    for (const token of [1, 2]) {
      engine.submit(0, { token, caller: ADMIN, details: false, timeOrderedIds: true, commands: debits() });
    }
    // The first message was shown when the second one found no room beside it.
    expect(engine.published(0).map(({ token }) => token)).toEqual([1]);
    expect(engine.flush(0).map(({ token }) => token)).toEqual([2]);
    expect(session.wallet(walletId).postedMinor).toBe(90_000n);
  });
});

test("a shard that is full of ids asks for patience, until the clock has moved on", () => {
  const session = new EngineSession(1, { idempotencyIdsMax: 10 });
  const walletId = session.openWallet(0, { balanceMinor: 100n });
  const debit = () => session.ask({ operation: OPERATION.Debit, walletId, amountMinor: 1n }).code;
  const codes = Array.from({ length: 10 }, debit);
  expect(codes).toEqual([...Array(7).fill("ok"), ...Array(3).fill("overloaded")]);
  session.nowMs += 2_000;
  expect(debit()).toBe("ok");
});

test("a shard that is full of wallets says so, and leaves no trace", () => {
  const session = new EngineSession(1, { walletsPerShardMax: 10 });
  session.openWallet(0);
  session.openWallet(0);
  const create = { operation: OPERATION.CreateWallet, counterpartyId: session.nextId(), currency: 818, walletType: 1 };
  expect(session.ask({ ...create, walletId: session.nextWalletId(0) })).toMatchObject({
    code: "ledger_full",
    sequence: 0,
  });
});
