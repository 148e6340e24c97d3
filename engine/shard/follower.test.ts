import { describe, expect, test } from "vitest";
import { CODE, codeName } from "../../protocol/codes.ts";
import { OPERATION } from "../../protocol/command-record.ts";
import { uuidBytes } from "../../protocol/ids.ts";
import { FRAME_HEADER_BYTES } from "../../protocol/limits.ts";
import { WALLET } from "../../protocol/result-record.ts";
import { MemoryJournal } from "../../test/engine-harness.ts";
import { ADMIN, EngineSession } from "../../test/engine-session.ts";
import { command, extension } from "../../test/ledger-command.ts";
import { expectSameFacts } from "../../test/same-state.ts";
import { FrameBuilder, genesisHash, HASH_BYTES } from "../journal/frame.ts";
import { POSTING, POSTING_BYTES } from "../journal/record.ts";
import { pack } from "../object/object-record.ts";
import { REPLY_KIND, REQUEST_KIND } from "../port/entries.ts";
import { reject } from "./record-writer.ts";

/** Keeps the frames that it makes durable. */
class ToldJournal extends MemoryJournal {
  readonly frames: Uint8Array[] = [];

  override append(firstSequence: number, frame: Uint8Array): void {
    super.append(firstSequence, frame);
    this.frames.push(frame.slice());
  }
}

function leader(): { readonly session: EngineSession; readonly frames: Uint8Array[] } {
  const journal = new ToldJournal();
  return { session: new EngineSession(1, {}, [journal]), frames: journal.frames };
}

function standby(): EngineSession {
  return new EngineSession(1, { isFollowing: true });
}

/** Asks for a wallet and returns its balance, or undefined where there is none. */
function balance({ engine }: EngineSession, walletId: string): bigint | undefined {
  engine.request(0, REQUEST_KIND.LookupWallets, 1, 1, uuidBytes(walletId));
  engine.flush(0);
  const { payload } = engine.others.splice(0).find(({ kind }) => kind === REPLY_KIND.Wallets) ?? { payload: undefined };
  const view = payload && new DataView(payload.buffer);
  if (view === undefined || view.getBigInt64(WALLET.version, true) === 0n) return undefined;
  return view.getBigInt64(WALLET.postedMinor, true);
}

describe("a shard that follows", () => {
  test("answers reads from what is applied and durable, and refuses what only a leader may do", () => {
    const { session, frames } = leader();
    const walletId = session.openWallet(0, { balanceMinor: 100n });
    const follower = standby();
    expect(balance(follower, walletId)).toBeUndefined();
    for (const frame of frames) follower.engine.offerFrame(0, frame);
    expect(balance(follower, walletId)).toBeUndefined();
    expect(follower.engine.follow(0)).toBe(frames.length);
    expect(balance(follower, walletId)).toBe(100n);
    const debit = { operation: OPERATION.Debit, walletId, amountMinor: 1n };
    expect(follower.ask(debit)).toMatchObject({ code: "not_leader", sequence: 0 });
    expect(follower.ask(debit, { details: false })).toMatchObject({ code: "not_leader" });
    follower.engine.requestObject(0, REQUEST_KIND.ObjectCommand, 1, { aggregate: "api-key" });
    follower.engine.flush(0);
    expect(follower.engine.others.splice(0).map(({ code }) => codeName(code))).toEqual(["not_leader"]);
    expectSameFacts(session.engine.state(0), follower.engine.state(0));
    expectSameFacts(session.engine.state(0), follower.engine.rebuilt(0));
  });

  test("lets no hold lapse by itself, but with the leader's record, and by itself once it leads", () => {
    const { session, frames } = leader();
    const walletId = session.openWallet(0, { balanceMinor: 100n });
    const expiresAtMs = BigInt(session.nowMs + 1_000);
    for (const amountMinor of [30n, 40n]) {
      session.ask({ operation: OPERATION.PlaceHold, walletId, amountMinor, extension: extension({ expiresAtMs }) });
    }
    const follower = standby();
    for (const frame of frames.splice(0)) follower.engine.offerFrame(0, frame);
    follower.engine.follow(0);
    session.nowMs += 2_000;
    follower.nowMs = session.nowMs;
    follower.engine.expireHolds(0);
    expect(follower.wallet(walletId).heldMinor).toBe(70n);
    follower.engine.lead();
    follower.engine.expireHolds(0);
    session.engine.expireHolds(0);
    expect(follower.wallet(walletId)).toEqual(session.wallet(walletId));
    expect(follower.wallet(walletId).heldMinor).toBe(0n);
  });

  test("goes on after the leader's last frame, also by a clock that is behind", () => {
    const { session, frames } = leader();
    const walletId = session.openWallet(0, { balanceMinor: 100n });
    const follower = standby();
    // A machine whose clock is behind.
    follower.nowMs = session.nowMs - 10_000;
    for (const frame of frames) follower.engine.offerFrame(0, frame);
    follower.engine.follow(0);
    follower.engine.lead();
    expect(follower.ask({ operation: OPERATION.Debit, walletId, amountMinor: 1n })).toMatchObject({
      code: "ok",
      sequence: session.engine.state(0).sequence + 1,
      wallet: { postedMinor: 99n },
    });
    expect(follower.engine.state(0).clockMs).toBe(session.nowMs);
    expectSameFacts(follower.engine.state(0), follower.engine.rebuilt(0));
  });

  test("does not lead before everything that waits is applied", () => {
    const { session, frames } = leader();
    session.openWallet(0);
    const follower = standby();
    follower.engine.offerFrame(0, frames[0]);
    expect(() => follower.engine.lead()).toThrow("may not take the request now");
  });

  test("gives the first answer again to a command that the leader has answered", () => {
    const { session, frames } = leader();
    const walletId = session.openWallet(0, { balanceMinor: 100n });
    const debit = command({ id: session.nextId(), operation: OPERATION.Debit, walletId, amountMinor: 30n });
    const [answer] = session.send(0, [debit]);
    const follower = standby();
    for (const frame of frames) follower.engine.offerFrame(0, frame);
    follower.engine.follow(0);
    follower.engine.lead();
    expect(follower.send(0, [debit])).toEqual([{ ...answer, replayed: true }]);
  });
});

describe("a frame that is not the leader's next one", () => {
  function openingAndDebit(): Uint8Array[] {
    const { session, frames } = leader();
    const walletId = session.openWallet(0, { balanceMinor: 100n });
    session.ask({ operation: OPERATION.Debit, walletId, amountMinor: 1n });
    return frames;
  }

  test.each([
    {
      name: "damaged",
      offer: ([, second]: Uint8Array[]) => [second.with(100, second[100] ^ 1)],
      says: "is damaged: its hash",
    },
    { name: "the one before", offer: ([first]: Uint8Array[]) => [first], says: "begins at 0:1" },
    { name: "too far ahead", offer: ([, , third]: Uint8Array[]) => [third], says: "begins at 0:" },
  ])("stops the shard where it is $name", ({ offer, says }) => {
    const { session, frames } = leader();
    const walletId = session.openWallet(0, { balanceMinor: 100n });
    session.ask({ operation: OPERATION.Debit, walletId, amountMinor: 1n });
    session.ask({ operation: OPERATION.Debit, walletId, amountMinor: 2n });
    const follower = standby();
    follower.engine.offerFrame(0, frames[0]);
    follower.engine.follow(0);
    for (const frame of offer(frames)) follower.engine.offerFrame(0, frame);
    expect(() => follower.engine.follow(0)).toThrow(says);
    expect(follower.engine.rebuilt(0).sequence).toBe(3);
  });

  test("stops the shard where it follows from another history", () => {
    const [first] = openingAndDebit();
    const other = new EngineSession(1, {}, [new ToldJournal()]);
    other.nowMs += 1;
    other.openWallet(0, { balanceMinor: 7n });
    other.openWallet(0, { balanceMinor: 7n });
    const journal = other.engine.journal(0);
    const follower = standby();
    follower.engine.offerFrame(0, first);
    follower.engine.follow(0);
    follower.engine.offerFrame(0, journal.frameAt(4) ?? first);
    expect(() => follower.engine.follow(0)).toThrow("the leader's history is not this node's");
  });

  test("stops the shard where its balances do not follow, and nothing of the batch is journaled or shown", () => {
    const [opening, debit] = openingAndDebit();
    const follower = standby();
    follower.engine.offerFrame(0, opening);
    follower.engine.follow(0);
    const { sequence, clockMs, hash } = follower.engine.state(0);
    const builder = new FrameBuilder(0);
    builder.begin(sequence + 1, clockMs);
    reject(builder, CODE.forbidden, new Uint32Array(16).fill(1), 0, 64);
    const sound = builder.seal(hash).slice();
    builder.begin(sequence + 2, clockMs);
    const at = builder.add(POSTING_BYTES);
    builder.bytes.set(debit.subarray(FRAME_HEADER_BYTES), at * 4);
    builder.floats[(at + POSTING.debitPosted) >>> 1] += 1;
    follower.engine.offerFrame(0, sound);
    follower.engine.offerFrame(0, builder.seal(sound.subarray(0, HASH_BYTES)).slice());
    expect(() => follower.engine.follow(0)).toThrow("balances or versions that do not follow");
    expect(follower.engine.rebuilt(0).sequence).toBe(sequence);
    expect(follower.engine.published(0)).toEqual([]);
  });
});

test("the genesis of another ledger does not follow either", () => {
  const builder = new FrameBuilder(0);
  builder.begin(1, 1);
  reject(builder, CODE.forbidden, new Uint32Array(16).fill(1), 0, 64);
  const follower = standby();
  follower.engine.offerFrame(0, builder.seal(genesisHash("another", 0)).slice());
  expect(() => follower.engine.follow(0)).toThrow("another frame before it");
});

test("an answer depends on the last record of its request, and a read on all that was decided", () => {
  const { session } = leader();
  const [a, b] = [session.openWallet(0, { balanceMinor: 100n }), session.openWallet(0)];
  const { engine } = session;
  const before = engine.state(0).sequence;
  const commands = [1n, 2n, 3n].map((amountMinor) =>
    command({ id: session.nextId(), operation: OPERATION.Transfer, walletId: a, counterpartyId: b, amountMinor }),
  );
  engine.request(0, REQUEST_KIND.WatchAll, 0, 0, new Uint8Array());
  engine.submit(0, { token: 7, caller: ADMIN, details: false, timeOrderedIds: true, commands });
  engine.request(0, REQUEST_KIND.LookupWallets, 8, 1, uuidBytes(a));
  engine.requestObject(0, REQUEST_KIND.ListObjects, 9, pack({}));
  engine.flush(0);
  expect(engine.others.splice(0).map(({ kind, dependsOnSequence }) => [kind, dependsOnSequence])).toEqual([
    [REPLY_KIND.Watched, before],
    [REPLY_KIND.Wallets, before + 3],
    [REPLY_KIND.Object, before + 3],
    [REPLY_KIND.Deltas, before + 3],
  ]);
});
