import { hash } from "node:crypto";
import { HASH_BYTES } from "../../engine/journal/frame.ts";
import { REPLY, REPLY_KIND } from "../../engine/port/entries.ts";
import type { LogPlant } from "./log-plant.ts";

/** The bugs that the simulation of a replicated ledger must find, planted as those of `PLANTED_BUGS` are. */
export const LOG_BUGS: Readonly<Record<string, () => LogPlant>> = {
  "a reader takes frames of a former epoch after a newer claim": () => ({
    read: (record, epoch) => (record.type === "frame" ? { ...record, epoch } : record),
  }),
  "a leader begins before it has read what stands before its claim": () => ({ flaws: { leadsBeforeReading: true } }),
  "a candidate claims the first partition only": () => ({ flaws: { claimsOnePartition: true } }),
  "a leader goes on after an offset that does not follow": () => ({
    progress: (progress) => {
      const appended = progress.appended.bind(progress);
      change(progress, { appended: (batch) => appended(batch, progress.offset) });
    },
  }),
  "an answer does not wait for the log": () => ({
    positions: (positions) => change(positions, { throughSequence: () => Number.POSITIVE_INFINITY }),
  }),
  "a read shows what the log does not have": () => ({ gate: letsPass(REPLY_KIND.Wallets) }),
  "a stream shows what the log does not have": () => ({ gate: letsPass(REPLY_KIND.Deltas) }),
  "a frame counts without what it follows from": () => ({ causesOf: () => [] }),
  "a frame is sent again after a lost answer": () => ({ flaws: { resumesBlindly: true } }),
  "a frame is left out after a lost answer": () => ({
    progress: (progress, wasLost) => {
      const next = progress.next.bind(progress);
      change(progress, { next: () => next().slice(wasLost() ? 1 : 0) });
    },
  }),
  "a former leader keeps its tail": () => ({ flaws: { keepsTail: true } }),
  "a former leader cuts off more than its tail": () => ({ flaws: { cutsTooFar: true } }),
  "who led last waits for others to claim": () => ({ flaws: { waitsForOthers: true } }),
  "a claim has the epoch of the one before": () => ({
    candidacy: (candidacy) => {
      const next = candidacy.next.bind(candidacy);
      change(candidacy, {
        next: (standing) => {
          const claimed = next(standing);
          if (claimed.type === "outrun" || standing === undefined) return claimed;
          return { type: "append", claim: { ...claimed.claim, epoch: standing.epoch } };
        },
        isOutrunBy: () => false,
      });
    },
  }),
  "a promoted node has forgotten ids": () => ({
    leads: ({ ids }) => change(ids, { find: () => 0 }),
  }),
  "a former leader shows what it decides after it was frozen": () => ({ flaws: { leaseNeverEnds: true } }),
  "a shard that follows does not verify the chain of frames": () => ({ followed: signed }),
  "a checkpoint is written before the journals have what it says, and believed": () => ({
    flaws: { checkpointsEarly: true },
  }),
  "a planned change does not wait for what the leader has decided": () => ({ flaws: { handsOverEarly: true } }),
};

/** Puts other methods in the place of a part's own. */
function change<Part extends object>(part: Part, methods: Partial<Part>): void {
  Object.assign(part, methods);
}

/** Hands entries of some kinds on that should wait. */
function letsPass(kind: number): NonNullable<LogPlant["gate"]> {
  return (gate, dispatcher) => {
    const { take } = gate;
    const close = gate.close.bind(gate);
    let isClosed = false;
    change(gate, {
      take: (replies, offset, shard) =>
        !isClosed && replies.lanes[(offset >>> 2) + REPLY.kind] === kind
          ? dispatcher.onEntry(replies, offset, shard)
          : take(replies, offset, shard),
      close: () => {
        isClosed = true;
        close();
      },
    });
  };
}

/** A frame with the hash that its content has. */
function signed(frame: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(frame);
  copy.set(hash("sha256", copy.subarray(HASH_BYTES), "buffer"), 0);
  return copy;
}
