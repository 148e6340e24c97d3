import { describe, expect, test } from "vitest";
import { OPERATION } from "../../protocol/command-record.ts";
import { COMMANDS_PER_MESSAGE_MAX, LINKED_RUN_MAX } from "../../protocol/limits.ts";
import { idLanes, MemoryJournal } from "../../test/engine-harness.ts";
import { EngineSession, MERCHANT } from "../../test/engine-session.ts";
import { command, type LedgerCommand, untimedId } from "../../test/ledger-command.ts";
import { expectSameState } from "../../test/same-state.ts";
import { openFrame } from "../journal/frame.ts";
import type { ShardState } from "./shard-state.ts";

const OLD = 2 ** 32 + 5;

const YOUNG_FROM = untimedId(0xf3);
const YOUNG_TO = untimedId(0xf4);

/** Makes a shard that has journaled more than 2^32 records already, as far as postings can tell. */
function age(state: ShardState): void {
  const { wallets } = state;
  state.sequence = 2 ** 33;
  for (let slot = 0; slot < wallets.count; slot += 1) {
    wallets.version[slot] = OLD;
    wallets.head[slot] = 7;
  }
  for (const id of [YOUNG_FROM, YOUNG_TO]) {
    const slot = state.findWallet(id);
    wallets.version[slot] = 5;
    wallets.head[slot] = state.sequence;
  }
}

/** The aged shard's journal says nothing of its past, so a second one aged alike is what its frames apply to. */
function expectSameAfterRecovery(session: EngineSession, twin: EngineSession, ids: readonly string[]): void {
  const other = twin.engine.state(0);
  void session.engine.journal(0).recover(other);
  expectSameState(session.engine.state(0), other, ids.map(idLanes), session.nowMs);
}

/** A journal that drops what comes before its beginning. */
class StartingLater extends MemoryJournal {
  #hasBegun = false;

  begin(): void {
    this.#hasBegun = true;
  }

  override append(firstSequence: number, frame: Uint8Array): void {
    if (this.#hasBegun) super.append(firstSequence, frame);
  }
}

function transfers(session: EngineSession, count: number, from: string, to: string, linked = false): LedgerCommand[] {
  return Array.from({ length: count }, (_, index) =>
    command({
      id: session.nextId(),
      operation: OPERATION.Transfer,
      walletId: from,
      counterpartyId: to,
      amountMinor: 1n,
      linked: linked && index < count - 1,
    }),
  );
}

describe("postings of a shard with more than 2^32 records", () => {
  /** Two sessions with the same wallets, of which the first has a journal that begins after them. */
  function aged(): { session: EngineSession; twin: EngineSession; from: string; to: string } {
    const journal = new StartingLater();
    const session = new EngineSession(1, {}, [journal]);
    const twin = new EngineSession(1);
    const [from, to] = [untimedId(0xf1), untimedId(0xf2)];
    for (const one of [session, twin]) {
      one.openWallet(0, { walletId: from, balanceMinor: 1_000_000n });
      one.openWallet(0, { walletId: to });
      one.openWallet(0, { walletId: YOUNG_FROM, balanceMinor: 1_000_000n });
      one.openWallet(0, { walletId: YOUNG_TO });
      age(one.engine.state(0));
    }
    const hash = session.engine.state(0).hash;
    twin.engine.state(0).hash = hash;
    journal.begin();
    return { session, twin, from, to };
  }

  test("keep their versions and the way back to the record before", () => {
    const { session, twin, from, to } = aged();
    const [first, second] = transfers(session, 2, from, to);
    const side = { postedMinor: 999_999n, availableMinor: 999_999n, version: BigInt(OLD + 1) };
    expect(session.send(0, [first])).toMatchObject([{ code: "ok", sequence: 2 ** 33 + 1, wallet: side }]);
    expect(session.send(0, [second])).toMatchObject([{ code: "ok", wallet: { version: BigInt(OLD + 2) } }]);
    expect(session.send(0, [first], { caller: MERCHANT })).toMatchObject([
      { code: "ok", replayed: true, sequence: 2 ** 33 + 1, wallet: side, counterparty: { version: BigInt(OLD + 1) } },
    ]);
    expectSameAfterRecovery(session, twin, [first.id, second.id]);
  });

  test.each([
    { name: "a full message of them", narrow: 0, wide: COMMANDS_PER_MESSAGE_MAX, linked: false },
    { name: "those behind a narrow one", narrow: 1, wide: COMMANDS_PER_MESSAGE_MAX - 1, linked: false },
    { name: "the longest linked run of them", narrow: 0, wide: LINKED_RUN_MAX, linked: true },
    { name: "a linked run behind narrow ones", narrow: 4_400, wide: LINKED_RUN_MAX, linked: true },
  ])("fit their frames: $name", ({ narrow, wide, linked }) => {
    const { session, twin, from, to } = aged();
    const commands = [
      ...transfers(session, narrow, YOUNG_FROM, YOUNG_TO),
      ...transfers(session, wide, from, to, linked),
    ];
    const answers = session.send(0, commands, { details: false });
    expect(answers.filter(({ code }) => code !== "ok")).toEqual([]);
    expect(session.wallet(to).postedMinor).toBe(BigInt(wide));
    expectSameAfterRecovery(
      session,
      twin,
      commands.map(({ id }) => id),
    );
  });
});

describe("a full message of plain transfers", () => {
  test("makes one frame", () => {
    const session = new EngineSession(1);
    const from = session.openWallet(0, { balanceMinor: 1_000_000n });
    const to = session.openWallet(0);
    const before = session.engine.state(0).sequence;
    session.send(0, transfers(session, COMMANDS_PER_MESSAGE_MAX, from, to), { details: false });
    const frame = openFrame(session.engine.journal(0).frameAt(before + 1) ?? new Uint8Array(), 0);
    expect(frame).toMatchObject({ firstSequence: before + 1, recordCount: COMMANDS_PER_MESSAGE_MAX });
  });
});
