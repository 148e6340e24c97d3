import { hash } from "node:crypto";
import { evolveReleased } from "../../engine/holds/evolve-hold.ts";
import { HASH_BYTES, openFrame } from "../../engine/journal/frame.ts";
import { ROW_VALUES, SIDE } from "../../engine/limits/limit-values.ts";
import { pack, unpack } from "../../engine/object/object-record.ts";
import { REQUEST_KIND } from "../../engine/port/entries.ts";
import type { StripeMessage } from "../../engine/stripe/stripe.ts";
import type { CreditAnswer, CreditRequest } from "../../engine/transfer/messages.ts";
import { OPERATION, RECORD } from "../../protocol/command-record.ts";
import { RECORD_BYTES } from "../../protocol/limits.ts";
import { NIL_ID } from "../ledger-command.ts";
import type { Plant, SimulatedDisk } from "./plant.ts";

/**
 * The bugs that the simulation must find. Each puts a wrong part in the place of a right one, anew for every simulation,
 * so the ledger itself has no line and no switch for any of them.
 */
export const PLANTED_BUGS: Readonly<Record<string, () => Plant>> = {
  "answers are sent before their frame is synced": () => ({
    journal: (disk) => syncsLater(disk, () => true),
  }),
  "a message to another shard leaves before its debit is synced": () => ({
    journal: (disk) => syncsLater(disk, (frame) => Buffer.from(frame).includes("TransferInitiated")),
  }),
  "every fortieth frame is not written": () => {
    let appended = 0;
    return {
      journal: (disk) =>
        diskWith(disk, {
          append: (firstSequence, frame) => {
            appended += 1;
            if (appended % 40 !== 0) disk.append(firstSequence, frame);
          },
        }),
    };
  },
  "a torn or damaged last frame is taken for whole": () => ({
    journal: (disk) =>
      diskWith(disk, {
        *frames() {
          for (const frame of disk.frames()) yield frame.isLast ? { ...frame, value: signed(frame.value) } : frame;
        },
      }),
  }),
  "a damaged frame in the middle is left out": () => ({
    journal: (disk) =>
      diskWith(disk, {
        *frames() {
          for (const frame of disk.frames()) {
            if (frame.isLast || isWhole(frame.value)) yield frame;
          }
        },
      }),
  }),
  "known ids are forgotten at a restart": () => ({
    recovered: ({ ids }) => change(ids, { find: () => 0 }),
  }),
  "the age of ids is forgotten at a restart, so that expired ones are applied again": () => ({
    recovered: ({ ids }) => Object.defineProperty(ids, "floorMs", { get: () => 0 }),
  }),
  "the clock starts anew at a restart": () => ({
    recovered: (state) => {
      state.clockMs = 0;
    },
  }),
  "overdraft limits are lost at a restart": () => ({
    recovered: ({ wallets }) => {
      for (let slot = 0; slot < wallets.count; slot += 1) {
        if (wallets.owner[slot] !== NO_OWNER) wallets.overdraftLimitMinor[slot] = 0;
      }
    },
  }),
  "open transfers are not taken up after a restart": () => ({ forgetsOpenTransfers: true }),
  "transfers to another shard are numbered from 1 again after a restart": () => ({
    recovered: ({ channels }) => channels.clear(),
  }),
  "a repeated message credits twice": () => ({
    recovered: ({ receipts }) => change(receipts, { get: () => undefined }),
  }),
  "a late message credits again once its receipt is gone": () => ({
    recovered: ({ servedThrough }) => change(servedThrough, { get: () => 0 }),
  }),
  "receipts are dropped before their answers are known": () => ({
    message: onCredit((request) => ({ ...request, completedThrough: request.number })),
  }),
  "a refused transfer is not refunded": () => ({
    message: onAnswer((answer) => ({ ...answer, code: "ok" })),
  }),
  "a hold can be captured again and again": () => ({
    recovered: ({ holds }) => change(holds, { addRemaining: () => {} }),
  }),
  "what was captured of a hold is forgotten at a restart": () => ({
    recovered: ({ holds }) => {
      for (let row = 0; row < holds.count; row += 1) holds.remainingMinor[row] = holds.amountMinor[row];
    },
  }),
  "a hold can be captured after it was voided": () => ({
    recovered: ({ holds }) => change(holds, { close: () => {} }),
  }),
  "holds lapse at a restart by the wall clock instead of by a record": () => ({
    recovered: ({ wallets, holds }) => {
      for (let row = holds.lapsed(Date.now()); row >= 0; row = holds.lapsed(Date.now())) {
        evolveReleased(wallets, holds, row);
      }
    },
  }),
  "what was reversed is forgotten at a restart": () => ({
    recovered: ({ reversals }) => change(reversals, { find: () => 0 }),
  }),
  "what was used of limits is forgotten at a restart": () => ({
    recovered: ({ wallets: { limits, count } }) => {
      for (let slot = 0; slot < count; slot += 1) {
        const row = limits.image(slot);
        if (row !== undefined) limits.restore({ ...row, values: row.values.fill(0, 2 + ROW_VALUES) });
      }
    },
  }),
  "a command that is sent again is counted again on the limits": () => ({
    recovered: ({ ids, wallets }) => {
      const find = ids.find.bind(ids);
      change(ids, {
        find: (lanes, at) => {
          const known = find(lanes, at);
          const isCommand = at + RECORD_BYTES / 4 <= lanes.length;
          if (known === 0 || !isCommand || (lanes[at + TAIL] & 0xff) !== OPERATION.Debit) return known;
          const slot = wallets.find(lanes, at + WALLET);
          if (slot >= 0) wallets.limits.add(slot, SIDE.debit, lanes[at + AMOUNT], known);
          return known;
        },
      });
    },
  }),
  "limits on credits do not apply to captures": () => ({
    recovered: ({ ids, wallets }) => {
      let isCapture = false;
      const find = ids.find.bind(ids);
      const takesCreditsHereOnly = wallets.takesCreditsHereOnly.bind(wallets);
      change(ids, {
        find: (lanes, at) => {
          isCapture = (lanes[at + TAIL] & 0xff) === OPERATION.CaptureHold;
          return find(lanes, at);
        },
      });
      change(wallets, { takesCreditsHereOnly: (slot) => !isCapture && takesCreditsHereOnly(slot) });
    },
  }),
  "a refused transfer gives nothing back to the limits": () => ({
    recovered: ({ wallets: { limits } }) => change(limits, { takeBack: () => {} }),
  }),
  "the day of limits goes by the clock of the process instead of the journal's": () => ({
    recovered: ({ wallets: { limits } }) => {
      const advance = limits.calendar.advance.bind(limits.calendar);
      change(limits.calendar, { advance: () => advance(Date.now() - 20_000) });
    },
  }),
  "a snapshot leaves out the limits": () => ({
    parts: (parts) => parts.filter(({ name }) => name !== "limits"),
  }),
  "what a stripe sends home is credited twice": () => ({
    message: onCredit((request) =>
      request.operation === "SweepStripe" ? { ...request, amountMinor: 2 * request.amountMinor } : request,
    ),
  }),
  "what a stripe sends home is credited again when the message comes again": () => {
    let sweeps = 0;
    return {
      message: onCredit((request) => {
        if (request.operation !== "SweepStripe") return request;
        sweeps += 1;
        return { ...request, number: request.number + 1_000_000 * sweeps };
      }),
    };
  },
  "a stripe is forgotten in the total": () => ({
    message: onStripe((message) => (message.type === "PullStripe" ? { ...message, walletId: NIL_ID } : message)),
  }),
  "stripes never hear that their wallet is frozen": () => ({
    message: onStripe((message) => (message.type === "EnsureStripe" ? { ...message, status: 2 } : message)),
  }),
  "wallets are no longer striped after a restart": () => ({
    recovered: ({ stripedSlots }) => stripedSlots.clear(),
  }),
  "a snapshot leaves out the open transfers": () => ({
    parts: (parts) => parts.filter(({ name }) => name !== "objects"),
  }),
  "a snapshot leaves out the holds": () => ({
    parts: (parts) => parts.filter(({ name }) => name !== "holds"),
  }),
  "a snapshot copies wallets as they are, not as they were when it began": () => ({
    recovered: ({ wallets }) => change(wallets.guard, { touch: () => {} }),
  }),
  "an unfinished snapshot is taken for whole after a crash": () => ({ flaws: { keepsUnfinishedSnapshots: true } }),
  "a damaged snapshot is loaded": () => ({ flaws: { loadsDamagedSnapshots: true } }),
  "the journal is archived before the snapshot that replaces it is durable": () => ({ flaws: { archivesEarly: true } }),
  "archived frames leave the journal before the archive is synced": () => ({ flaws: { dropsBeforeSync: true } }),
  "a bucket of sealed ids is forgotten at a restart": () => ({ flaws: { forgetsSealedBucket: true } }),
  "ids leave memory before their bucket is durable": () => ({ flaws: { sealsTooSoon: true } }),
  "every tenth answer between shards is lost": () => {
    let answers = 0;
    return {
      message: onAnswer((answer) => {
        answers += 1;
        return answers % 10 === 0 ? undefined : answer;
      }),
    };
  },
};

const NO_OWNER = 0xffff_ffff;
/** Lanes of a command. */
const WALLET = RECORD.wallet >>> 2;
const AMOUNT = RECORD.amountMinor >>> 2;
const TAIL = RECORD.operation >>> 2;

/** Puts other methods in the place of a part's own. */
function change<Part extends object>(part: Part, methods: Partial<Part>): void {
  Object.assign(part, methods);
}

function diskWith(disk: SimulatedDisk, changed: Partial<SimulatedDisk>): SimulatedDisk {
  return {
    append: (firstSequence, frame) => disk.append(firstSequence, frame),
    frameAt: (sequence) => disk.frameAt(sequence),
    frames: () => disk.frames(),
    removeLast: (key) => disk.removeLast(key),
    get range() {
      return disk.range;
    },
    ...changed,
  };
}

/** Keeps a frame in memory until the next one comes, and says that it is durable. */
function syncsLater(disk: SimulatedDisk, isMeant: (frame: Uint8Array) => boolean): SimulatedDisk {
  let waiting: { readonly firstSequence: number; readonly frame: Uint8Array } | undefined;
  return diskWith(disk, {
    append: (firstSequence, frame) => {
      if (waiting !== undefined) disk.append(waiting.firstSequence, waiting.frame);
      waiting = isMeant(frame) ? { firstSequence, frame: frame.slice() } : undefined;
      if (waiting === undefined) disk.append(firstSequence, frame);
    },
    frameAt: (sequence) =>
      waiting !== undefined && sequence >= waiting.firstSequence ? waiting.frame : disk.frameAt(sequence),
  });
}

function isWhole(frame: Uint8Array): boolean {
  return (
    frame.byteLength > HASH_BYTES &&
    hash("sha256", frame.subarray(HASH_BYTES), "buffer").equals(frame.subarray(0, HASH_BYTES))
  );
}

/** A frame with the hash that its content has. */
function signed(frame: Uint8Array): Uint8Array {
  if (frame.byteLength <= HASH_BYTES || typeof openFrame(frame, 0) !== "string") return frame;
  const copy = frame.slice();
  copy.set(hash("sha256", copy.subarray(HASH_BYTES), "buffer"));
  return copy;
}

function onCredit(change: (request: CreditRequest) => CreditRequest): NonNullable<Plant["message"]> {
  return (sent) =>
    sent.kind === REQUEST_KIND.PeerCredit
      ? { ...sent, payload: pack(change(unpack(sent.payload, 0, sent.payload.byteLength) as CreditRequest)) }
      : sent;
}

function onStripe(change: (message: StripeMessage) => StripeMessage): NonNullable<Plant["message"]> {
  return (sent) =>
    sent.kind === REQUEST_KIND.PeerStripe
      ? { ...sent, payload: pack(change(unpack(sent.payload, 0, sent.payload.byteLength) as StripeMessage)) }
      : sent;
}

function onAnswer(change: (answer: CreditAnswer) => CreditAnswer | undefined): NonNullable<Plant["message"]> {
  return (sent) => {
    if (sent.kind !== REQUEST_KIND.PeerAnswer) return sent;
    const answer = change(unpack(sent.payload, 0, sent.payload.byteLength) as CreditAnswer);
    return answer === undefined ? undefined : { ...sent, payload: pack(answer) };
  };
}
