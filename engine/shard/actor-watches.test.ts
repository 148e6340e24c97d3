/** What a shard tells of watched actors: each change once it is durable, the latest where there is no room, also on a standby. */

import { expect, test } from "vitest";
import { MemoryJournal } from "../../test/engine-harness.ts";
import { untimedId } from "../../test/ledger-command.ts";
import { MedCardSession } from "../../test/medcard-session.ts";
import { PAYING_SENDER } from "../../test/payment-session.ts";
import type { ActorRow } from "../actor/actor-row.ts";
import { type ActorChange, ActorWatches } from "../actor/actor-watches.ts";
import { unpack } from "../object/object-record.ts";
import { REPLY_KIND, REQUEST_KIND } from "../port/entries.ts";
import type { ObjectCommand, WatchedActor } from "../views.ts";

class KeptJournal extends MemoryJournal {
  readonly frames: Uint8Array[] = [];

  override append(firstSequence: number, frame: Uint8Array): void {
    super.append(firstSequence, frame);
    this.frames.push(frame.slice());
  }
}

function watched({ engine, cardId }: MedCardSession, kind: number, by = PAYING_SENDER): void {
  engine.requestObject(1, kind, 1, { aggregate: "MedCard", id: cardId, by });
  engine.flush(1);
}

function send({ engine }: MedCardSession, command: ObjectCommand): void {
  engine.requestObject(1, REQUEST_KIND.ActorCommand, 1, command);
  engine.flush(1);
}

function told({ engine }: MedCardSession): readonly WatchedActor[] {
  const entries = engine.others.splice(0).filter(({ kind }) => kind === REPLY_KIND.ActorChanged);
  return entries.map(({ payload }) => unpack(payload, 0, payload.byteLength) as WatchedActor);
}

test("each change of a watched actor is told with its record and the whole state, and of others nothing", () => {
  const session = new MedCardSession().opened().withCard();
  session.engine.others.length = 0;
  session.pay(session.card("SuspendCard", { reason: "lost" }));
  expect(told(session)).toEqual([]);
  watched(session, REQUEST_KIND.WatchActor);
  send(session, session.card("ReactivateCard"));
  const { sequence } = session.engine.state(1);
  expect(told(session)).toMatchObject([{ version: 4, previousVersion: 3, sequence, state: { status: "ACTIVE" } }]);
  send(session, session.claiming(untimedId(0xe1), 1_000));
  const [claimed] = told(session);
  expect(claimed).toMatchObject({
    version: 6,
    previousVersion: 4,
    // Behind those of the wallet that it asked in the same frame.
    sequence: session.engine.state(1).sequence,
    state: { running: "ClaimPrescription" },
  });
  session.settle();
  const steps = told(session);
  expect(steps.at(-1)?.state).toMatchObject({ spend: [{ claims: 1 }], prescriptions: [{ status: "PAID" }] });
  for (const [index, { previousVersion }] of steps.entries()) {
    expect(previousVersion).toBe(index === 0 ? claimed.version : steps[index - 1].version);
  }
  watched(session, REQUEST_KIND.UnwatchActor);
  send(session, session.card("SuspendCard", { reason: "lost" }));
  expect(told(session)).toEqual([]);
});

test("a standby tells the same steps", () => {
  const journal = new KeptJournal();
  const leader = new MedCardSession({}, [new MemoryJournal(), journal]).opened().withCard();
  const follower = new MedCardSession({ isFollowing: true });
  const follow = (): void => {
    for (const frame of journal.frames.splice(0)) follower.engine.offerFrame(1, frame);
    follower.engine.follow(1);
    follower.engine.flush(1);
  };
  follow();
  for (const session of [leader, follower]) watched(session, REQUEST_KIND.WatchActor);
  leader.engine.others.length = 0;
  send(leader, leader.claiming(untimedId(0xe1), 1_000));
  leader.settle();
  follow();
  const [live, followed] = [leader, follower].map((session) =>
    told(session).map(({ version, previousVersion, sequence, state }) => ({
      version,
      previousVersion,
      sequence,
      state,
    })),
  );
  expect(live.length).toBeGreaterThan(2);
  expect(followed).toEqual(live);
});

test("what could not be told is told as one step from where the reader is", () => {
  const watches = new ActorWatches();
  const row = (id: string, version: number): ActorRow => ({ type: "Payment", id, version, state: {} });
  watches.watch("Payment", "a");
  watches.watch("Payment", "b");
  for (const [id, version] of [
    ["a", 1],
    ["b", 1],
    ["a", 2],
    ["c", 9],
    ["a", 3],
    ["b", 2],
  ] as const) {
    watches.note(row(id, version), version - 1, version);
  }
  const taken: string[] = [];
  const take = ({ row, previousVersion, isConflated }: ActorChange): void => {
    taken.push(`${row.id} ${previousVersion}-${row.version}${isConflated ? " conflated" : ""}`);
  };
  let room = 1;
  watches.tell((change) => {
    room -= 1;
    if (room >= 0) take(change);
    return room >= 0;
  });
  watches.note(row("a", 4), 3, 4);
  watches.tell((change) => {
    take(change);
    return true;
  });
  watches.tell(() => {
    throw new Error("nothing is left");
  });
  expect(taken).toEqual(["a 0-1", "b 0-2 conflated", "a 1-3 conflated", "a 3-4"]);
});
