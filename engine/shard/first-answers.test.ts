import { describe, expect, test } from "vitest";
import { OPERATION } from "../../protocol/command-record.ts";
import { EGP, EngineSession, MERCHANT, STRANGER, USD } from "../../test/engine-session.ts";
import { type LedgerCommand, NIL_ID, untimedId } from "../../test/ledger-command.ts";

type Sent = Partial<LedgerCommand> & Pick<LedgerCommand, "operation" | "walletId">;

const EXTENSION = {
  reference: untimedId(0xc1),
  expectedVersion: 3n,
  metadata: JSON.stringify({ order: "ü".repeat(40) }),
};
const EMPTY = { reference: NIL_ID, expectedVersion: 0n, metadata: "" };

/** Every kind of command that can have a first answer, on wallets that are ready for it. */
const KINDS: readonly { name: string; shards: number; make: (from: string, to: string) => Sent }[] = [
  {
    name: "a transfer",
    shards: 1,
    make: (from, to) => ({ operation: OPERATION.Transfer, walletId: from, counterpartyId: to, amountMinor: 5n }),
  },
  {
    name: "a transfer with everything",
    shards: 1,
    make: (from, to) => ({
      operation: OPERATION.Transfer,
      walletId: from,
      counterpartyId: to,
      amountMinor: 5n,
      currency: EGP,
      extension: EXTENSION,
    }),
  },
  {
    name: "a transfer to another shard, with everything",
    shards: 2,
    make: (from, to) => ({
      operation: OPERATION.Transfer,
      walletId: from,
      counterpartyId: to,
      amountMinor: 5n,
      currency: EGP,
      extension: EXTENSION,
    }),
  },
  { name: "a credit", shards: 1, make: (from) => ({ operation: OPERATION.Credit, walletId: from, amountMinor: 5n }) },
  {
    name: "a debit with everything",
    shards: 1,
    make: (from) => ({ operation: OPERATION.Debit, walletId: from, amountMinor: 5n, extension: EXTENSION }),
  },
  {
    name: "a freeze with everything",
    shards: 1,
    make: (from) => ({ operation: OPERATION.FreezeWallet, walletId: from, extension: EXTENSION }),
  },
  {
    name: "a rejection with everything",
    shards: 1,
    make: (from, to) => ({
      operation: OPERATION.Transfer,
      walletId: from,
      counterpartyId: to,
      amountMinor: 101n,
      extension: EXTENSION,
    }),
  },
];

function ready(shards: number): { session: EngineSession; from: string; to: string } {
  const session = new EngineSession(shards);
  const from = session.openWallet(0, { balanceMinor: 100n });
  return { session, from, to: session.openWallet(shards - 1) };
}

describe.each(KINDS)("$name", ({ shards, make }) => {
  /** Sends the command, and returns its first answer, which for a transfer to another shard comes late. */
  function first() {
    const { session, from, to } = ready(shards);
    const sent = { id: session.nextId(), ...make(from, to) };
    const answer = session.ask(sent);
    const [late] = session.settle();
    return { session, sent, answer: late?.kind === "late" ? late.answer : answer };
  }

  test("is answered as at first, also from older frames and after a crash", () => {
    const { session, sent, answer } = first();
    const again = { ...answer, replayed: true };
    expect(session.ask(sent)).toEqual(again);
    for (let more = 0; more < 3; more += 1) session.openWallet(0, { balanceMinor: 1n });
    expect(session.ask(sent)).toEqual(again);
    session.engine.crash();
    expect(session.ask(sent)).toEqual(again);
    expect(session.ask(sent, { details: false })).toEqual({ ...again, wallet: null, counterparty: null });
  });

  test("is answered again within the frame in which it was decided", () => {
    const { session, from, to } = ready(shards);
    const id = session.nextId();
    const sent = {
      counterpartyId: NIL_ID,
      amountMinor: 0n,
      currency: 0,
      walletType: 0,
      linked: false,
      extension: null,
    };
    const record = { ...sent, ...make(from, to), id };
    const [answer, again] = session.send(0, [record, record]);
    const isOpen = answer.code === "deferred";
    expect(again).toEqual(
      isOpen
        ? { ...answer, code: "in_progress", sequence: 0, wallet: null, counterparty: null }
        : { ...answer, replayed: true },
    );
  });

  test("is refused with any other body", () => {
    const { session, sent } = first();
    const { extension } = sent;
    const others: Partial<LedgerCommand>[] = [
      { operation: OPERATION.CloseWallet },
      { amountMinor: (sent.amountMinor ?? 0n) ^ 1n },
      { counterpartyId: untimedId(0xcc) },
      { currency: USD },
      { extension: { ...EMPTY, reference: untimedId(0xc2) } },
      { extension: { ...EMPTY, expectedVersion: 9n } },
      { extension: { ...EMPTY, metadata: "{}" } },
      ...(extension === null || extension === undefined
        ? []
        : [
            { extension: null },
            { extension: { ...extension, reference: NIL_ID } },
            { extension: { ...extension, expectedVersion: 4n } },
            { extension: { ...extension, metadata: extension.metadata.replace("ü", "u") } },
            { extension: { ...extension, metadata: `${extension.metadata} ` } },
          ]),
    ];
    for (const other of others) {
      const isIgnored = other.counterpartyId !== undefined && sent.counterpartyId === undefined;
      if (isIgnored) continue;
      expect(session.ask({ ...sent, ...other }), JSON.stringify(Object.keys(other))).toMatchObject({
        code: "id_reused",
        replayed: false,
        sequence: 0,
        wallet: null,
      });
    }
  });

  test("tells a stranger nothing", () => {
    const { session, sent, answer } = first();
    const told = session.ask(sent, { caller: STRANGER });
    if (answer.code === "ok") {
      expect(told).toEqual({ code: "forbidden", replayed: false, sequence: 0, wallet: null, counterparty: null });
    } else {
      expect(told).toEqual({ ...answer, replayed: true });
    }
  });
});

describe("a movement sent again", () => {
  test("may leave out the currency, or name it, and may have an extension that says nothing", () => {
    const { session, from, to } = ready(1);
    const sent = {
      id: session.nextId(),
      operation: OPERATION.Transfer,
      walletId: from,
      counterpartyId: to,
      amountMinor: 5n,
    };
    const again = { ...session.ask(sent), replayed: true };
    expect(session.ask({ ...sent, currency: EGP })).toEqual(again);
    expect(session.ask({ ...sent, extension: EMPTY })).toEqual(again);
  });

  test("shows the far side only to who may see it", () => {
    const { session, from } = ready(1);
    const to = session.openWallet(0, { ownerId: STRANGER.ownerId });
    const sent = {
      id: session.nextId(),
      operation: OPERATION.Transfer,
      walletId: from,
      counterpartyId: to,
      amountMinor: 5n,
    };
    expect(session.ask(sent, { caller: MERCHANT }).counterparty).toBeNull();
    expect(session.ask(sent, { caller: MERCHANT })).toMatchObject({ replayed: true, counterparty: null });
    expect(session.ask(sent)).toMatchObject({ replayed: true, counterparty: { postedMinor: 5n } });
  });
});
