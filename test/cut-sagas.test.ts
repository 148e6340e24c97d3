/**
 * Ledgers with open sagas between shards, cut where an effect and its cause may lie on both sides of the cut: by the causes in
 * frames, as a follower does, and behind snapshots of several moments, as a backup does.
 */

import { describe, expect, test } from "vitest";
import { CausalOrder, crossShardFacts } from "../deploy/causal-order.ts";
import { type Frame, openFrame } from "../engine/journal/frame.ts";
import type { PaymentState } from "../engine/payment/payment.ts";
import { CausalQueue } from "../engine/replication/causal-queue.ts";
import { causesOf } from "../engine/replication/frame-causes.ts";
import type { ShardState } from "../engine/shard/shard-state.ts";
import { OPERATION } from "../protocol/command-record.ts";
import { MemoryJournal } from "./engine-harness.ts";
import { untimedId } from "./ledger-command.ts";
import { MedCardSession } from "./medcard-session.ts";
import { MERCHANT_SENDER } from "./payment-session.ts";
import { Random } from "./simulation/random.ts";

const SHARDS = [0, 1] as const;
const SEEDS = 24;
const STEPS = 70;
const CUTS = 6;

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
  /** Frames of each shard when everything was opened. */
  readonly opened: readonly number[];
  readonly nowMs: number;
}

/** A payment and claims on a card, all at once, with messages on their way at any moment. */
function tell(seed: number): Story {
  const random = new Random(seed);
  const journals = SHARDS.map(() => new WitnessedJournal());
  const session = new MedCardSession({}, journals).opened().withCard();
  session.pay(session.initiating());
  const opened = journals.map(({ frames }) => frames.length);
  session.begin(session.authorizing());
  for (let step = 0; step < STEPS; step += 1) {
    session.nowMs += random.below(3);
    switch (random.below(8)) {
      case 0:
        session.begin(session.claiming(untimedId(0xe0 + random.below(6)), 1 + random.below(400)));
        break;
      case 1:
        session.begin(session.command("CapturePayment", { amountMinor: 1 + random.below(200) }));
        break;
      case 2: {
        const refund = session.command("RefundPayment", { amountMinor: 1 + random.below(100) });
        const reversal = { claimId: untimedId(0xe0 + random.below(6)), reason: "returned" };
        session.begin(random.chance(0.5) ? refund : session.card("ReversePrescription", reversal, MERCHANT_SENDER));
        break;
      }
      case 3: {
        const operation = random.chance(0.4) ? OPERATION.FreezeWallet : OPERATION.UnfreezeWallet;
        session.ask({ operation, walletId: random.pick([session.shop, session.clearing]) });
        break;
      }
      default:
        session.deliverSome(random.below(2));
    }
  }
  return { frames: journals.map(({ frames }) => frames), opened, nowMs: session.nowMs };
}

/** Another node takes over with so many frames of each shard, and ends what is open. Throws where money and actors disagree. */
function takeOver({ frames, nowMs }: Story, counted: readonly number[]): void {
  const journals = frames.map((all, shard) => {
    const journal = new MemoryJournal();
    for (const bytes of all.slice(0, counted[shard])) journal.append(opened(bytes, shard).firstSequence, bytes);
    return journal;
  });
  const session = new MedCardSession({}, journals);
  session.nowMs = nowMs;
  session.engine.crash();
  session.settle();
  for (const walletId of [session.shop, session.clearing]) {
    session.ask({ operation: OPERATION.UnfreezeWallet, walletId });
  }
  for (let tries = 0; tries < 15 && session.sagas().length > 0; tries += 1) session.pass(60_000);
  expect(session.sagas()).toEqual([]);
  const payment = session.payment() as unknown as PaymentState;
  const { status, amountMinor, capturedMinor, refundedMinor } = payment;
  const standing = session.state().prescriptions.filter((claim) => claim.status !== "REVERSED");
  const sum = (part: "totalMinor" | "coveredMinor" | "copaymentMinor"): number =>
    standing.reduce((total, claim) => total + claim[part], 0);
  const paidMinor = capturedMinor - refundedMinor;
  expect(session.moneys()).toEqual([
    5_000 - sum("coveredMinor"),
    1_000 - sum("copaymentMinor") - paidMinor,
    0,
    sum("totalMinor") + paidMinor,
  ]);
  const isHeld = status === "AUTHORIZED" || status === "PARTIALLY_CAPTURED";
  expect(session.money(session.payer)[1]).toBe(isHeld ? amountMinor - capturedMinor : 0);
  for (const shard of SHARDS) expect(session.engine.openTransfers(shard)).toBe(0);
}

function opened(bytes: Uint8Array, shard: number): Frame {
  const frame = openFrame(bytes, shard);
  if (typeof frame === "string") throw new Error(frame);
  return frame;
}

/** So many frames of each shard, from its opening on. */
function someOf({ frames, opened: from }: Story, random: Random): readonly number[] {
  return frames.map((all, shard) => from[shard] + random.below(all.length - from[shard] + 1));
}

/** What of those frames counts: none without what it follows from. */
function countedOf({ frames }: Story, known: readonly number[]): readonly number[] {
  const counted = known.map(() => 0);
  const queue = new CausalQueue([0, 0], (shard) => {
    counted[shard] += 1;
  });
  for (const shard of SHARDS) {
    for (const bytes of frames[shard].slice(0, known[shard])) {
      const frame = opened(bytes, shard);
      queue.add(shard, frame.firstSequence + frame.recordCount - 1, causesOf(frame, shard), undefined);
    }
  }
  return counted;
}

/** The states of snapshots that were taken after so many frames. */
function snapshotsAfter({ frames }: Story, taken: readonly number[]): readonly ShardState[] {
  const journals = frames.map((all, shard) => {
    const journal = new MemoryJournal();
    for (const bytes of all.slice(0, taken[shard])) journal.append(opened(bytes, shard).firstSequence, bytes);
    return journal;
  });
  const { engine } = new MedCardSession({}, journals);
  return SHARDS.map((shard) => engine.loaded(shard));
}

/** Goes on behind snapshots until what has been taken is a consistent cut; returns the frames of each shard in it. */
function cutBehind(story: Story, taken: readonly number[]): readonly number[] {
  const order = CausalOrder.after(snapshotsAfter(story, taken));
  const counted = [...taken];
  while (!order.isConsistent) {
    const shard = SHARDS.find((one) => {
      const next = story.frames[one][counted[one]];
      return next !== undefined && order.mayTake(one, crossShardFacts(opened(next, one)));
    });
    if (shard === undefined) throw new Error("no frame may come next");
    const frame = opened(story.frames[shard][counted[shard]], shard);
    order.take(shard, frame, crossShardFacts(frame));
    counted[shard] += 1;
  }
  return counted;
}

describe("a ledger that is cut among open sagas", () => {
  test("by the causes in its frames ends them, and money and actors agree", () => {
    let dropped = 0;
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const story = tell(seed);
      const random = new Random(seed);
      for (let cut = 0; cut < CUTS; cut += 1) {
        const known = someOf(story, random);
        const counted = countedOf(story, known);
        if (counted.some((count, shard) => count < known[shard])) dropped += 1;
        takeOver(story, counted);
      }
    }
    expect(dropped).toBeGreaterThan(SEEDS / 4);
  });

  test("behind snapshots of several moments does too", () => {
    let went = 0;
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const story = tell(seed);
      const random = new Random(seed);
      for (let cut = 0; cut < CUTS; cut += 1) {
        const taken = someOf(story, random);
        const counted = cutBehind(story, taken);
        if (counted.some((count, shard) => count > taken[shard])) went += 1;
        takeOver(story, counted);
      }
    }
    expect(went).toBeGreaterThan(SEEDS / 4);
  });

  test("without regard to causes loses or doubles something", () => {
    let failures = 0;
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const story = tell(seed);
      try {
        takeOver(story, someOf(story, new Random(seed)));
      } catch {
        failures += 1;
      }
    }
    expect(failures).toBeGreaterThan(0);
  });
});
