import { describe, expect, test } from "vitest";
import { OPERATION, WALLET_TYPE } from "../../protocol/command-record.ts";
import { formatUuid, uuidBytes } from "../../protocol/ids.ts";
import { DELTA, WALLET, WALLET_BYTES } from "../../protocol/result-record.ts";
import type { Caller } from "../../test/driven-ledger.ts";
import { ADMIN, EGP, EngineSession, MERCHANT, OWNER_ID, STRANGER } from "../../test/engine-session.ts";
import { command } from "../../test/ledger-command.ts";
import { REPLY_FLAG, REPLY_KIND, REQUEST_KIND, RING_DELTA_BYTES, WATCHED_BYTES } from "../port/entries.ts";
import { OWNER_STATES_MAX } from "./shard-reads.ts";

/** The kinds of the entries that came, in order, each with the wallet ids and balances in it. */
function entries(session: EngineSession): { kind: number; isLast: boolean; wallets: [string, bigint][] }[] {
  return session.engine.others.splice(0).map(({ kind, flags, count, payload }) => {
    const isDelta = kind === REPLY_KIND.Deltas;
    const length = isDelta ? RING_DELTA_BYTES : kind === REPLY_KIND.Watched ? WATCHED_BYTES : WALLET_BYTES;
    const view = new DataView(payload.buffer);
    const wallets = Array.from({ length: count }, (_, index): [string, bigint] => [
      formatUuid(payload, index * length),
      view.getBigInt64(index * length + (isDelta ? DELTA.postedMinor : WALLET.postedMinor), true),
    ]);
    return { kind, isLast: (flags & REPLY_FLAG.last) !== 0, wallets };
  });
}

function request(session: EngineSession, kind: number, ids: readonly string[], caller: Caller = ADMIN): void {
  session.engine.request(0, kind, 1, ids.length, Buffer.concat(ids.map(uuidBytes)), caller);
  session.engine.flush(0);
}

function credit(session: EngineSession, walletId: string, amountMinor: bigint): void {
  session.ask({ operation: OPERATION.Credit, walletId, amountMinor });
}

/** The wallets of which a delta came since. */
function changed(session: EngineSession): string[] {
  return entries(session)
    .filter(({ kind }) => kind === REPLY_KIND.Deltas)
    .flatMap(({ wallets }) => wallets.map(([id]) => id));
}

describe("watching wallets", () => {
  test("shows their state, then their changes in order, then nothing", () => {
    const session = new EngineSession(1);
    const [a, b] = [session.openWallet(0, { balanceMinor: 5n }), session.openWallet(0)];
    request(session, REQUEST_KIND.WatchWallets, [a]);
    expect(entries(session)).toEqual([{ kind: REPLY_KIND.Watched, isLast: true, wallets: [[a, 5n]] }]);
    credit(session, b, 1n);
    expect(entries(session)).toEqual([]);
    credit(session, a, 1n);
    session.ask({ operation: OPERATION.Transfer, walletId: b, counterpartyId: a, amountMinor: 1n });
    expect(entries(session).flatMap(({ wallets }) => wallets)).toEqual([
      [a, 6n],
      [a, 7n],
    ]);
    request(session, REQUEST_KIND.UnwatchWallets, [a]);
    credit(session, a, 1n);
    expect(entries(session)).toEqual([]);
  });

  test("puts changes of the same commit before the state of a new reader", () => {
    const session = new EngineSession(1);
    const a = session.openWallet(0);
    request(session, REQUEST_KIND.WatchWallets, [a]);
    entries(session);
    const one = command({ id: session.nextId(), operation: OPERATION.Credit, walletId: a, amountMinor: 3n });
    session.engine.submit(0, { token: 9, caller: ADMIN, details: false, timeOrderedIds: false, commands: [one] });
    request(session, REQUEST_KIND.WatchWallets, [a]);
    expect(entries(session).map(({ kind }) => kind)).toEqual([REPLY_KIND.Deltas, REPLY_KIND.Watched]);
  });

  test("shows a stranger nothing, neither state nor changes", () => {
    const session = new EngineSession(1);
    const a = session.openWallet(0, { balanceMinor: 5n });
    request(session, REQUEST_KIND.WatchWallets, [a], STRANGER);
    expect(entries(session)).toMatchObject([{ wallets: [[a, 0n]] }]);
    credit(session, a, 1n);
    expect(entries(session)).toEqual([]);
    request(session, REQUEST_KIND.WatchWallets, [a], MERCHANT);
    expect(entries(session)).toMatchObject([{ wallets: [[a, 6n]] }]);
  });
});

describe("watching an owner", () => {
  test("shows all of the owner's wallets, and follows those opened later", () => {
    const session = new EngineSession(1);
    const [a, b] = [session.openWallet(0, { balanceMinor: 5n }), session.openWallet(0, { balanceMinor: 6n })];
    const other = session.openWallet(0, { ownerId: STRANGER.ownerId });
    request(session, REQUEST_KIND.WatchOwner, [OWNER_ID]);
    expect(entries(session)).toMatchObject([
      {
        isLast: true,
        wallets: [
          [b, 6n],
          [a, 5n],
        ],
      },
    ]);
    credit(session, other, 1n);
    expect(changed(session)).toEqual([]);
    const later = session.openWallet(0);
    expect(new Set(changed(session))).toEqual(new Set([later]));
    request(session, REQUEST_KIND.UnwatchOwner, [OWNER_ID]);
    for (const id of [a, b, later]) credit(session, id, 1n);
    expect(changed(session)).toEqual([]);
  });

  test("who has no wallet yet begins with the first one", () => {
    const session = new EngineSession(1);
    request(session, REQUEST_KIND.WatchOwner, [OWNER_ID]);
    expect(entries(session)).toEqual([{ kind: REPLY_KIND.Watched, isLast: true, wallets: [] }]);
    const a = session.openWallet(0);
    expect(new Set(changed(session))).toEqual(new Set([a]));
    request(session, REQUEST_KIND.UnwatchOwner, [OWNER_ID]);
    session.openWallet(0);
    expect(changed(session)).toEqual([]);
  });

  test("and a wallet of that owner: each lasts as long as one of both does", () => {
    const session = new EngineSession(1);
    const [a, b] = [session.openWallet(0), session.openWallet(0)];
    request(session, REQUEST_KIND.WatchWallets, [a]);
    request(session, REQUEST_KIND.WatchOwner, [OWNER_ID]);
    request(session, REQUEST_KIND.UnwatchOwner, [OWNER_ID]);
    entries(session);
    for (const id of [a, b]) credit(session, id, 1n);
    expect(changed(session)).toEqual([a]);
    request(session, REQUEST_KIND.WatchOwner, [OWNER_ID]);
    request(session, REQUEST_KIND.UnwatchWallets, [a]);
    entries(session);
    for (const id of [a, b]) credit(session, id, 1n);
    expect(changed(session)).toEqual([a, b]);
  });
});

test("watching everything shows both sides of each movement, and nothing once it ends", () => {
  const session = new EngineSession(1);
  const a = session.openWallet(0);
  request(session, REQUEST_KIND.WatchAll, []);
  expect(entries(session)).toEqual([{ kind: REPLY_KIND.Watched, isLast: true, wallets: [] }]);
  credit(session, a, 7n);
  expect(entries(session)).toMatchObject([
    {
      wallets: [
        ["6d697a61-6e00-8000-8000-000003320000", -7n],
        [a, 7n],
      ],
    },
  ]);
  request(session, REQUEST_KIND.UnwatchAll, []);
  credit(session, a, 7n);
  expect(entries(session)).toEqual([]);
});

describe("watching an owner of very many wallets", () => {
  test("shows the newest of them, and every change of any", () => {
    const session = new EngineSession(1, { walletsPerShardMax: 8_192 });
    const count = OWNER_STATES_MAX + 100;
    const wallets = Array.from({ length: count }, () => session.nextWalletId(0));
    for (let first = 0; first < count; first += 1_000) {
      const opened = wallets.slice(first, first + 1_000).map((walletId) =>
        command({
          id: session.nextId(),
          operation: OPERATION.CreateWallet,
          walletId,
          counterpartyId: OWNER_ID,
          currency: EGP,
          walletType: WALLET_TYPE.customer,
        }),
      );
      session.send(0, opened);
    }
    request(session, REQUEST_KIND.WatchOwner, [OWNER_ID]);
    const told = entries(session);
    expect(told.flatMap(({ wallets }) => wallets.map(([id]) => id))).toEqual(
      wallets.toReversed().slice(0, OWNER_STATES_MAX),
    );
    expect(told.map(({ isLast }) => isLast)).toEqual([...told.slice(1).map(() => false), true]);
    session.ask({ operation: OPERATION.ActivateWallet, walletId: wallets[0] });
    expect(changed(session)).toEqual([wallets[0]]);
  });
});
