/**
 * What is left of a ledger whose shards were replicated up to different points: nothing without what it follows from, so
 * that a takeover balances; and everything else.
 */

import { describe, expect, test } from "vitest";
import { OPERATION } from "../../protocol/command-record.ts";
import { MemoryJournal } from "../../test/engine-harness.ts";
import { EngineSession } from "../../test/engine-session.ts";
import { extension } from "../../test/ledger-command.ts";
import { Random } from "../../test/simulation/random.ts";
import { openFrame } from "../journal/frame.ts";
import { CausalQueue } from "./causal-queue.ts";
import { causesOf } from "./frame-causes.ts";

const SHARDS = 3;
const FUNDS_MINOR = 1_000n;
const STEPS = 120;
const CUTS = 8;
const SEEDS = 24;

/** A journal that can be looked at. */
class WitnessedJournal extends MemoryJournal {
  readonly frames: Uint8Array[] = [];

  override append(firstSequence: number, frame: Uint8Array): void {
    super.append(firstSequence, frame);
    this.frames.push(frame.slice());
  }
}

interface Story {
  readonly frames: readonly (readonly Uint8Array[])[];
  readonly nowMs: number;
}

/** Movements between shards of every kind, with messages on their way at any moment. */
function tell(seed: number): Story {
  const random = new Random(seed);
  const journals = Array.from({ length: SHARDS }, () => new WitnessedJournal());
  const session = new EngineSession(SHARDS, {}, journals);
  const wallets = Array.from({ length: 2 * SHARDS }, (_, index) =>
    session.openWallet(index % SHARDS, { balanceMinor: FUNDS_MINOR }),
  );
  const merchant = session.openWallet(0);
  session.ask({ operation: OPERATION.StripeWallet, walletId: merchant });
  const sent: { readonly id: string; readonly walletId: string }[] = [];
  const holds: { readonly id: string; readonly walletId: string }[] = [];
  for (let step = 0; step < STEPS; step += 1) {
    session.nowMs += random.below(3);
    const walletId = random.pick(wallets);
    const id = session.nextId();
    const one = {
      id,
      walletId,
      counterpartyId: random.pick([...wallets, merchant]),
      amountMinor: BigInt(1 + random.below(40)),
    };
    switch (random.below(9)) {
      case 0:
      case 1:
      case 2:
        session.ask({ ...one, operation: OPERATION.Transfer });
        sent.push(one);
        break;
      case 3:
        session.ask({ id, walletId, amountMinor: one.amountMinor, operation: OPERATION.PlaceHold });
        holds.push(one);
        break;
      case 4: {
        if (holds.length === 0) break;
        const hold = random.pick(holds);
        const captured = { ...one, walletId: hold.walletId, amountMinor: 1n };
        session.ask({ ...captured, operation: OPERATION.CaptureHold, extension: extension({ targetId: hold.id }) });
        break;
      }
      case 5: {
        if (sent.length === 0) break;
        const movement = random.pick(sent);
        const reversal = { id, walletId: movement.walletId, amountMinor: 1n };
        session.ask({
          ...reversal,
          operation: OPERATION.ReverseTransfer,
          extension: extension({ targetId: movement.id }),
        });
        break;
      }
      case 6:
        session.ask({ ...one, walletId: merchant, counterpartyId: walletId, operation: OPERATION.Transfer });
        break;
      default:
        session.engine.deliver(random.below(SHARDS), random.below(SHARDS));
        session.engine.flush(random.below(SHARDS));
    }
  }
  return { frames: journals.map(({ frames }) => frames), nowMs: session.nowMs };
}

/** What of each shard's frames counts, where some of them are known. */
type Rule = (known: readonly (readonly Uint8Array[])[], below: (end: number) => number) => readonly number[];

const causalRule: Rule = (known, below) => {
  const counted = known.map(() => 0);
  const queue = new CausalQueue(
    known.map(() => 0),
    (shard) => {
      counted[shard] += 1;
    },
  );
  const added = known.map(() => 0);
  const open = (): readonly number[] => known.flatMap((frames, shard) => (added[shard] < frames.length ? [shard] : []));
  for (let shards = open(); shards.length > 0; shards = open()) {
    const shard = shards[below(shards.length)];
    const frame = openFrame(known[shard][added[shard]], shard);
    if (typeof frame === "string") throw new Error(frame);
    added[shard] += 1;
    queue.add(shard, frame.firstSequence + frame.recordCount - 1, causesOf(frame, shard), undefined);
  }
  expect(known.map((frames, shard) => frames.length - counted[shard])).toEqual(
    known.map((_, shard) => queue.waiting(shard)),
  );
  return counted;
};

/** The wrong rule: whatever a shard's partition holds counts. */
const eachForItself: Rule = (known) => known.map((frames) => frames.length);

/** Another node takes over with what counts, and ends what is open. Throws where the books do not balance then. */
function takeOver(story: Story, counted: readonly number[]): void {
  const journals = story.frames.map((frames, shard) => {
    const journal = new MemoryJournal();
    for (const bytes of frames.slice(0, counted[shard])) {
      const frame = openFrame(bytes, shard);
      if (typeof frame === "string") throw new Error(frame);
      journal.append(frame.firstSequence, bytes);
    }
    return journal;
  });
  const session = new EngineSession(SHARDS, { nowMs: () => story.nowMs }, journals);
  session.engine.crash();
  session.settle();
  const inTransitMinor = new Map<number, number>();
  for (let shard = 0; shard < SHARDS; shard += 1) {
    expect(session.engine.openTransfers(shard)).toBe(0);
    const { wallets } = session.engine.state(shard);
    for (const currency of wallets.currencies()) {
      const minor = wallets.postedMinor[wallets.account(currency, "transit")];
      inTransitMinor.set(currency, (inTransitMinor.get(currency) ?? 0) + minor);
    }
  }
  expect([...inTransitMinor.values()]).toEqual([0]);
}

describe("a takeover at any moment", () => {
  test("balances, with everything whose causes are known", () => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const story = tell(seed);
      const random = new Random(seed);
      const whole = causalRule(story.frames, (below) => random.below(below));
      expect(whole).toEqual(story.frames.map((frames) => frames.length));
      for (let cut = 0; cut < CUTS; cut += 1) {
        const known = story.frames.map((frames) => frames.slice(0, 4 + random.below(frames.length - 3)));
        const counted = causalRule(known, (below) => random.below(below));
        expect(causalRule(known, () => 0)).toEqual(counted);
        takeOver(story, counted);
      }
    }
  });

  test("does not balance where frames count without what they follow from", () => {
    let failures = 0;
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const story = tell(seed);
      const random = new Random(seed);
      const known = story.frames.map((frames) => frames.slice(0, 4 + random.below(frames.length - 3)));
      try {
        takeOver(
          story,
          eachForItself(known, () => 0),
        );
      } catch {
        failures += 1;
      }
    }
    expect(failures).toBeGreaterThan(SEEDS / 4);
  });
});
