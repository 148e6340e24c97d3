import { describe, expect, test } from "vitest";
import { OPERATION } from "../../protocol/command-record.ts";
import { MemoryJournal } from "../../test/engine-harness.ts";
import { EngineSession } from "../../test/engine-session.ts";
import { timedId, untimedId } from "../../test/ledger-command.ts";
import { expectSameState } from "../../test/same-state.ts";
import { ArchiveDamagedError } from "../journal/archive-file.ts";
import { HistoryExpiredError } from "../journal/journal-files.ts";
import { unpack } from "../object/object-record.ts";
import { REQUEST_KIND } from "../port/entries.ts";
import type { ObjectCommand, ObjectOutcome } from "../views.ts";

const KEY_ID = untimedId(0x51);
const CREATE: ObjectCommand = {
  aggregate: "ApiKey",
  id: KEY_ID,
  commandId: untimedId(0x61),
  command: { type: "CreateApiKey", name: "till", role: "merchant", ownerId: untimedId(0xa1), keyHash: "hash" },
};
const REVOKE: ObjectCommand = { ...CREATE, commandId: untimedId(0x62), command: { type: "RevokeApiKey" } };

function send(session: EngineSession, kind: number, value: unknown): unknown {
  session.engine.others.length = 0;
  session.engine.requestObject(0, kind, 1, value);
  session.engine.flush(0);
  const [{ payload }] = session.engine.others;
  return unpack(payload, 0, payload.byteLength);
}

function execute(session: EngineSession, command: ObjectCommand): ObjectOutcome {
  return send(session, REQUEST_KIND.ObjectCommand, command) as ObjectOutcome;
}

describe("an object command", () => {
  test("is decided, journaled, and answered as before when it comes again", () => {
    const session = new EngineSession(1);
    const first = execute(session, CREATE);
    expect(first).toMatchObject({
      code: "ok",
      replayed: false,
      shard: 0,
      sequence: 1,
      state: { id: KEY_ID, name: "till", revokedAtMs: null, createdAtMs: session.nowMs },
    });
    expect(execute(session, CREATE)).toEqual({ ...first, replayed: true });
    session.engine.crash();
    expect(execute(session, CREATE)).toEqual({ ...first, replayed: true });
    expect(send(session, REQUEST_KIND.ListObjects, { aggregate: "ApiKey" })).toEqual([first.state]);
  });

  test("is remembered with its rejection", () => {
    const session = new EngineSession(1);
    expect(execute(session, REVOKE)).toMatchObject({ code: "api_key_not_found", replayed: false, sequence: 1 });
    execute(session, CREATE);
    expect(execute(session, REVOKE)).toMatchObject({ code: "api_key_not_found", replayed: true, sequence: 1 });
    const again = { ...REVOKE, commandId: untimedId(0x63) };
    expect(execute(session, again)).toMatchObject({ code: "ok", state: { revokedAtMs: session.nowMs } });
    expect(execute(session, { ...REVOKE, commandId: untimedId(0x64) })).toMatchObject({ code: "api_key_revoked" });
    expectSameState(session.engine.state(0), session.engine.rebuilt(0), [], session.nowMs);
  });

  test.each([
    ["history_expired", new HistoryExpiredError(1, 2)],
    ["internal_error", new ArchiveDamagedError("0.archive", "a bit has decayed")],
  ])("is answered with %s where its record cannot be read, and the shard goes on", (code, error) => {
    class LosingJournal extends MemoryJournal {
      override frameAt(sequence: number): Uint8Array | undefined {
        if (sequence === 1) throw error;
        return super.frameAt(sequence);
      }
    }
    const session = new EngineSession(1, {}, [new LosingJournal()]);
    execute(session, CREATE);
    expect(execute(session, CREATE)).toMatchObject({ code, replayed: false, sequence: 0, state: null });
    expect(execute(session, REVOKE)).toMatchObject({ code: "ok", sequence: 2 });
    expect(execute(session, REVOKE)).toMatchObject({ code: "ok", replayed: true, sequence: 2 });
  });

  test.each([
    ["id_required", "00000000-0000-0000-0000-000000000000"],
    ["id_expired", timedId(1_700_000_000_000 - 600_000, 1)],
    ["id_in_future", timedId(1_700_000_000_000 + 600_000, 1)],
  ])("is refused with %s for the id %s, and leaves no trace", (code, commandId) => {
    const session = new EngineSession(1);
    expect(execute(session, { ...CREATE, commandId })).toMatchObject({ code, sequence: 0, state: null });
    expect(execute(session, CREATE)).toMatchObject({ code: "ok", sequence: 1 });
  });

  test("is refused where its id was used with another body, for an object or for money", () => {
    const session = new EngineSession(1);
    execute(session, CREATE);
    expect(execute(session, { ...REVOKE, commandId: CREATE.commandId }).code).toBe("id_reused");
    expect(execute(session, { ...CREATE, id: untimedId(0x52) }).code).toBe("id_reused");
    const walletId = session.openWallet(0, { balanceMinor: 10n });
    const debit = { operation: OPERATION.Debit, walletId, amountMinor: 1n };
    expect(session.ask({ ...debit, id: CREATE.commandId }).code).toBe("id_reused");
    expect(session.ask({ ...debit, id: untimedId(0x71) }).code).toBe("ok");
    expect(execute(session, { ...CREATE, commandId: untimedId(0x71) }).code).toBe("id_reused");
  });

  test.each([
    { name: "an aggregate that is none", change: { aggregate: "Nothing" }, code: "unknown_operation" },
    { name: "the ledger's own aggregates", change: { aggregate: "Transfer" }, code: "unknown_operation" },
    { name: "a command that is none", change: { command: { type: "Rename" } }, code: "unknown_operation" },
    { name: "an id that is no UUID", change: { id: "till" }, code: "invalid_request" },
    { name: "a command id that is no UUID", change: { commandId: "1" }, code: "invalid_request" },
  ])("with $name is refused and leaves no trace", ({ change, code }) => {
    const session = new EngineSession(1);
    expect(execute(session, { ...CREATE, ...change })).toMatchObject({ code, sequence: 0, state: null });
    expect(session.engine.state(0).sequence).toBe(0);
    expect(execute(session, CREATE).code).toBe("ok");
  });
});
