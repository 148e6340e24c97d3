import { describe, expect, test } from "vitest";
import { OPERATION } from "../../protocol/command-record.ts";
import { EngineSession, MERCHANT, USD } from "../../test/engine-session.ts";
import { timedId, untimedId } from "../../test/ledger-command.ts";
import { AMOUNT_MAX, accountId } from "../../test/reference-books.ts";

const EGP = 818;

function transit(session: EngineSession, shard: number): bigint {
  return session.wallet(accountId(shard, EGP, "transit")).postedMinor;
}

describe("a transfer to another shard", () => {
  test("debits at once, credits when the message arrives, and is answered at the end", () => {
    const session = new EngineSession(2);
    const from = session.openWallet(0, { balanceMinor: 100n });
    const to = session.openWallet(1);
    const first = session.ask({ operation: OPERATION.Transfer, walletId: from, counterpartyId: to, amountMinor: 30n });
    expect(first.code).toBe("deferred");
    expect([session.wallet(from).postedMinor, session.wallet(to).postedMinor]).toEqual([70n, 0n]);
    expect(transit(session, 0)).toBe(30n);
    const late = session.settle();
    expect(late).toMatchObject([
      {
        kind: "late",
        index: 0,
        answer: {
          code: "ok",
          wallet: { postedMinor: 70n, availableMinor: 70n, version: 4n },
          counterparty: { postedMinor: 30n, availableMinor: 30n, version: 3n },
        },
      },
    ]);
    expect(transit(session, 0) + transit(session, 1)).toBe(0n);
  });

  test.each([
    { name: "a wallet that does not exist", code: "destination_not_found", setUp: () => {} },
    {
      name: "a frozen wallet",
      code: "destination_frozen",
      setUp: (session: EngineSession, to: string) => {
        session.openWallet(1, { walletId: to });
        session.ask({ operation: OPERATION.FreezeWallet, walletId: to });
      },
    },
    {
      name: "a closed wallet",
      code: "destination_closed",
      setUp: (session: EngineSession, to: string) => {
        session.openWallet(1, { walletId: to });
        session.ask({ operation: OPERATION.CloseWallet, walletId: to });
      },
    },
    {
      name: "a wallet in another currency",
      code: "currency_mismatch",
      setUp: (session: EngineSession, to: string) => session.openWallet(1, { walletId: to, currency: USD }),
    },
    {
      name: "a wallet that is full",
      code: "balance_overflow",
      setUp: (session: EngineSession, to: string) => session.openWallet(1, { walletId: to, balanceMinor: AMOUNT_MAX }),
    },
  ])("to $name is refunded as $code", ({ code, setUp }) => {
    const session = new EngineSession(2);
    const from = session.openWallet(0, { balanceMinor: 100n });
    const to = session.nextWalletId(1);
    setUp(session, to);
    const transfer = {
      id: session.nextId(),
      operation: OPERATION.Transfer,
      walletId: from,
      counterpartyId: to,
      amountMinor: 30n,
    };
    session.ask(transfer);
    const late = session.settle();
    const wallet = { postedMinor: 100n, availableMinor: 100n, version: 5n };
    expect(late).toMatchObject([{ kind: "late", answer: { code, wallet, counterparty: null } }]);
    expect(session.ask(transfer)).toMatchObject({ code, replayed: true, wallet });
    expect(transit(session, 0)).toBe(0n);
  });

  test("cannot be followed by the closing of its wallet before it ends", () => {
    const session = new EngineSession(2);
    const from = session.openWallet(0, { balanceMinor: 30n });
    const to = session.openWallet(1);
    session.ask({ operation: OPERATION.Transfer, walletId: from, counterpartyId: to, amountMinor: 30n });
    expect(session.ask({ operation: OPERATION.CloseWallet, walletId: from }).code).toBe("transfer_open");
    session.settle();
    expect(session.ask({ operation: OPERATION.CloseWallet, walletId: from }).code).toBe("ok");
  });

  test("with the id that another shard's transfer has is credited all the same", () => {
    const session = new EngineSession(3);
    const to = session.openWallet(0);
    const senders = [session.openWallet(1, { balanceMinor: 100n }), session.openWallet(2, { balanceMinor: 100n })];
    const id = session.nextId();
    for (const walletId of senders) {
      session.ask({ id, operation: OPERATION.Transfer, walletId, counterpartyId: to, amountMinor: 30n });
    }
    session.settle();
    expect(session.wallet(to).postedMinor).toBe(60n);
    expect(transit(session, 0) + transit(session, 1) + transit(session, 2)).toBe(0n);
  });

  test("with an id that was forgotten meanwhile is credited like any other", () => {
    const session = new EngineSession(2);
    const from = session.openWallet(0, { balanceMinor: 100n });
    const to = session.openWallet(1);
    const transfer = { operation: OPERATION.Transfer, walletId: from, counterpartyId: to, amountMinor: 30n };
    session.ask({ ...transfer, id: untimedId(1) });
    session.settle();
    session.nowMs += 100_000;
    session.ask({ ...transfer, id: untimedId(1) });
    session.settle();
    expect([session.wallet(from).postedMinor, session.wallet(to).postedMinor]).toEqual([40n, 60n]);
    expect(transit(session, 0) + transit(session, 1)).toBe(0n);
  });

  test.each([
    { name: "without a time", id: untimedId(1), code: "in_progress" },
    { name: "with a time", id: timedId(1_700_000_000_000, 1), code: "id_expired" },
  ])("that is open longer than its id $name is remembered does not begin again", ({ id, code }) => {
    const session = new EngineSession(2);
    const from = session.openWallet(0, { balanceMinor: 100n });
    const to = session.openWallet(1);
    const transfer = { id, operation: OPERATION.Transfer, walletId: from, counterpartyId: to, amountMinor: 30n };
    expect(session.ask(transfer).code).toBe("deferred");
    session.nowMs += 100_000;
    expect(session.ask(transfer).code).toBe(code);
    session.settle();
    expect([session.wallet(from).postedMinor, session.wallet(to).postedMinor]).toEqual([70n, 30n]);
  });

  test("is not begun where the transit account could not hold it", () => {
    const session = new EngineSession(2);
    const to = session.openWallet(1);
    const answers = [1n, 0n].map((lessMinor) => {
      const walletId = session.openWallet(0, { limitMinor: AMOUNT_MAX });
      const amountMinor = AMOUNT_MAX - lessMinor;
      return session.ask({ operation: OPERATION.Transfer, walletId, counterpartyId: to, amountMinor }).code;
    });
    expect(answers).toEqual(["deferred", "balance_overflow"]);
    expect(transit(session, 0)).toBe(AMOUNT_MAX - 1n);
  });

  test("whose refund the wallet cannot take stays open, and is refunded after the next start that can", () => {
    const session = new EngineSession(2);
    const from = session.openWallet(0, { balanceMinor: AMOUNT_MAX });
    const to = session.nextWalletId(1);
    const transfer = {
      id: session.nextId(),
      operation: OPERATION.Transfer,
      walletId: from,
      counterpartyId: to,
      amountMinor: 30n,
    };
    session.ask(transfer);
    // Another wallet's money fills the room that the transfer left.
    const other = session.openWallet(0, { limitMinor: 100n });
    session.ask({ operation: OPERATION.Transfer, walletId: other, counterpartyId: from, amountMinor: 30n });
    expect(session.settle()).toEqual([]);
    expect(session.ask(transfer).code).toBe("in_progress");
    expect(transit(session, 0)).toBe(30n);
    session.engine.crash();
    expect(session.settle()).toEqual([]);
    session.ask({ operation: OPERATION.Transfer, walletId: from, counterpartyId: other, amountMinor: 30n });
    session.engine.crash();
    session.settle();
    expect(session.ask(transfer)).toMatchObject({ code: "destination_not_found", replayed: true });
    expect(session.wallet(from).postedMinor).toBe(AMOUNT_MAX);
    expect(transit(session, 0)).toBe(0n);
  });

  test("is refused while as many are open as may be, and leaves no trace then", () => {
    const session = new EngineSession(2, { openTransfersMax: 1 });
    const from = session.openWallet(0, { balanceMinor: 100n });
    const to = session.openWallet(1);
    const transfer = { operation: OPERATION.Transfer, walletId: from, counterpartyId: to, amountMinor: 30n };
    session.ask(transfer);
    const second = { ...transfer, id: session.nextId() };
    expect(session.ask(second)).toMatchObject({ code: "overloaded", sequence: 0 });
    session.settle();
    expect(session.ask(second).code).toBe("deferred");
  });

  test("shows a merchant no balance of the other side, at first and when told again", () => {
    const session = new EngineSession(2);
    const from = session.openWallet(0, { balanceMinor: 100n });
    const to = session.openWallet(1);
    const transfer = {
      id: session.nextId(),
      operation: OPERATION.Transfer,
      walletId: from,
      counterpartyId: to,
      amountMinor: 30n,
    };
    session.ask(transfer, { caller: MERCHANT });
    expect(session.settle()).toMatchObject([{ kind: "late", answer: { code: "ok", counterparty: null } }]);
    expect(session.ask(transfer, { caller: MERCHANT })).toMatchObject({ code: "ok", counterparty: null });
    expect(session.ask(transfer)).toMatchObject({ code: "ok", counterparty: { postedMinor: 30n } });
  });
});

describe("after a crash", () => {
  /** Runs a transfer, crashing after so many steps of it, and lets it end. */
  function crashAfter(steps: number): EngineSession {
    const session = new EngineSession(2);
    const from = session.openWallet(0, { balanceMinor: 100n });
    const to = session.openWallet(1);
    const transfer = {
      id: session.nextId(),
      operation: OPERATION.Transfer,
      walletId: from,
      counterpartyId: to,
      amountMinor: 30n,
    };
    const { engine } = session;
    const path = [
      () => session.ask(transfer),
      () => engine.deliver(0, 1),
      () => engine.flush(1),
      () => engine.deliver(1, 0),
      () => engine.flush(0),
    ];
    for (const step of path.slice(0, steps)) step();
    engine.crash();
    session.settle();
    expect(session.ask(transfer)).toMatchObject({ code: "ok", replayed: true, wallet: { postedMinor: 70n } });
    expect([session.wallet(from).postedMinor, session.wallet(to).postedMinor]).toEqual([70n, 30n]);
    expect(transit(session, 0) + transit(session, 1)).toBe(0n);
    return session;
  }

  test.each([
    { after: "the debit was durable", steps: 1 },
    { after: "the credit was decided", steps: 2 },
    { after: "the credit was durable", steps: 3 },
    { after: "the completion was decided", steps: 4 },
    { after: "the completion was durable", steps: 5 },
  ])("when $after, the transfer ends once", ({ steps }) => {
    crashAfter(steps);
  });

  test("the receiver keeps a receipt until the sender has told that it knows the answer", () => {
    const session = crashAfter(3);
    expect(session.engine.state(1).receipts.size).toBe(1);
    const from = session.openWallet(0, { balanceMinor: 100n });
    const to = session.openWallet(1);
    session.ask({ operation: OPERATION.Transfer, walletId: from, counterpartyId: to, amountMinor: 30n });
    session.settle();
    expect([...session.engine.state(1).receipts.states()].map(({ number }) => number)).toEqual([2]);
  });
});
