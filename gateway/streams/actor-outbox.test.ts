import { describe, expect, test } from "vitest";
import { Counters } from "../counters.ts";
import { ActorHistory } from "./actor-history.ts";
import { ActorOutbox, type ActorSubscriber } from "./actor-outbox.ts";
import { ActorStep } from "./actor-step.ts";
import { ActorTopic } from "./actor-topic.ts";
import { AUDIENCE } from "./audience.ts";
import { HistoryBudget } from "./delta-history.ts";
import { FlushList } from "./flush-list.ts";

const CARD = { actor: "MedCard", actorId: "a" };
const LIMITS = { socketBufferedSoftBytes: 1_000, socketBufferedMaxBytes: 2_000, streamPendingDeltasMax: 8 };
const STATE = { kind: "state", isReset: true, isConflated: false } as const;

function step(version: number, previousVersion = version - 1, actorId = "a", bytes = 10): ActorStep {
  const told = { ...CARD, actorId, version, previousVersion, sequence: version, timestampMs: 1 };
  return new ActorStep({ ...told, state: { status: "ACTIVE", spend: [] }, isConflated: false }, 0, bytes);
}

/** A reader whose socket the test fills and empties. */
class Reader implements ActorSubscriber {
  readonly principal;
  readonly messages: object[][] = [];
  buffered = 0;
  isClosed = false;

  constructor(awaitsLog = false) {
    this.principal = { role: "admin", ownerId: new Uint32Array(4), awaitsLog } as const;
  }

  bufferedBytes(): number {
    return this.buffered;
  }

  sendActors(steps: string): void {
    this.messages.push(JSON.parse(`[${steps}]`) as object[]);
  }

  closeSlow(): void {
    this.isClosed = true;
  }
}

function following(reader: Reader, ...ids: string[]): { readonly outbox: ActorOutbox; readonly topics: ActorTopic[] } {
  const outbox = new ActorOutbox(reader, LIMITS, new Counters(), new FlushList(0));
  const topics = ids.map((id) => new ActorTopic(CARD.actor, id, 0, new HistoryBudget(1_000)));
  for (const topic of topics) {
    topic.add(outbox);
    outbox.followed.set(topic.key, { topic, isWhole: false, version: -1 });
  }
  return { outbox, topics };
}

describe("steps of actors for one reader", () => {
  test("come all and in order while it reads along, each once, and without long fields", () => {
    const reader = new Reader();
    const { outbox } = following(reader, "a", "b");
    outbox.push(step(3), STATE);
    for (const version of [2, 3, 4]) outbox.push(step(version));
    outbox.push(step(1, 0, "b"));
    outbox.push(step(1, 0, "c"));
    outbox.flush();
    expect(reader.messages).toMatchObject([
      [
        { kind: "state", version: 3, reset: true },
        { kind: "change", version: 4, previousVersion: 3, position: "0:4" },
        { actorId: "b", version: 1 },
      ],
    ]);
    expect(reader.messages[0][1]).toHaveProperty("state", { status: "ACTIVE" });
  });

  test("are folded into the latest of each actor while it does not, and say so", () => {
    const reader = new Reader();
    const { outbox } = following(reader, "a", "b");
    reader.buffered = 1_001;
    for (const version of [3, 4]) outbox.push(step(version));
    outbox.push(step(1, 0, "b"));
    outbox.flush();
    outbox.push(step(5));
    expect(reader.messages).toEqual([]);
    reader.buffered = 0;
    outbox.flush();
    outbox.push(step(6));
    outbox.flush();
    expect(reader.messages).toMatchObject([
      [
        { kind: "change", version: 5, conflated: true },
        { actorId: "b", version: 1 },
      ],
      [{ version: 6, previousVersion: 5 }],
    ]);
    expect(reader.messages[0][1]).not.toHaveProperty("conflated");
  });

  test("that follow a state which was never sent become that state, and too many are folded, too", () => {
    const reader = new Reader();
    const { outbox } = following(reader, "a");
    outbox.push(step(3), STATE);
    for (let version = 4; version < 20; version += 1) outbox.push(step(version));
    outbox.flush();
    expect(reader.messages).toMatchObject([[{ kind: "state", version: 19, reset: true }]]);
  });

  test("close it where it takes nothing at all", () => {
    const reader = new Reader();
    const { outbox } = following(reader, "a");
    reader.buffered = 2_001;
    outbox.push(step(3));
    outbox.flush();
    expect([reader.isClosed, reader.messages]).toEqual([true, []]);
  });

  test("wait for the log where it does", () => {
    const [prompt, patient] = [new Reader(), new Reader(true)];
    const { outbox, topics } = following(prompt, "a");
    const waiting = following(patient, "a");
    topics[0].add(waiting.outbox);
    for (const audience of [AUDIENCE.prompt, AUDIENCE.patient]) {
      topics[0].publish(step(1), audience);
      for (const each of [outbox, waiting.outbox]) each.flush();
    }
    expect([prompt.messages.length, patient.messages.length]).toEqual([1, 1]);
    expect(topics[0].history.after(0)).toHaveLength(1);
  });
});

describe("the steps kept of an actor", () => {
  const versionsAfter = (history: ActorHistory, version: number): number[] | undefined =>
    history.after(version)?.map((one) => one.version);

  test("are those without a gap, from any version between them", () => {
    const history = new ActorHistory(new HistoryBudget(1_000));
    for (const [version, before] of [
      [2, 0],
      [3, 2],
      [5, 3],
    ])
      history.keep(step(version, before));
    expect([0, 2, 3, 5].map((version) => versionsAfter(history, version))).toEqual([[2, 3, 5], [3, 5], [5], []]);
    expect([1, 4, 6].map((version) => versionsAfter(history, version))).toEqual([undefined, undefined, undefined]);
    history.keep(step(9, 7));
    expect([5, 7, 9].map((version) => versionsAfter(history, version))).toEqual([undefined, [9], []]);
  });

  test("take no more memory than there is, and no more than 64", () => {
    const budget = new HistoryBudget(100);
    const [rich, poor] = [new ActorHistory(budget), new ActorHistory(budget)];
    for (let version = 1; version <= 20; version += 1) rich.keep(step(version));
    expect([versionsAfter(rich, 10)?.length, versionsAfter(rich, 9)]).toEqual([10, undefined]);
    poor.keep(step(1));
    expect(versionsAfter(poor, 0)).toBeUndefined();
    rich.free();
    poor.keep(step(2));
    expect(versionsAfter(poor, 1)).toEqual([2]);
    const wide = new ActorHistory(new HistoryBudget(100_000));
    for (let version = 1; version <= 100; version += 1) wide.keep(step(version));
    expect([versionsAfter(wide, 36)?.length, versionsAfter(wide, 35)]).toEqual([64, undefined]);
  });
});
