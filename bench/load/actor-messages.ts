import { ACTOR_RECORD, paddedTextBytes } from "../../protocol/actor-record.ts";
import { formatUuid } from "../../protocol/ids.ts";
import { RECORD_BYTES, WIRE_HEADER_BYTES } from "../../protocol/limits.ts";
import { FRAME, FRAME_TYPE, writeFrameHeader } from "../../protocol/wire-frame.ts";
import type { CommandIds } from "./command-ids.ts";
import { OPCODE } from "./frame-stream.ts";
import type { Pairs } from "./pairs.ts";
import { PLACEHOLDER_ID, writeHexId } from "./text-ids.ts";
import { renewIds, writeTransfers } from "./transfer-records.ts";
import { clientFrameHeader } from "./websocket-link.ts";
import type { Mix } from "./workload.ts";

/** What becomes of a payment, a message at a time. */
const PAYMENT_STEPS = ["InitiatePayment", "AuthorizePayment", "CapturePayment"] as const;
/** Messages until each payment of a slot is captured. */
export const STEPS = PAYMENT_STEPS.length;
/** By how much the versions of wallets grow with each step of a payment, with a transfer and with a claim of three transfers. */
const PAYMENT_VERSIONS = [0, 1, 2] as const;
const TRANSFER_VERSIONS = 2;
const CLAIM_VERSIONS = 6;

/** A message that is sent over and over with fresh ids: a frame of transfers, and one of commands on payments and cards. */
export interface ActorMessage {
  readonly bytes: Buffer;
  readonly view: DataView;
  readonly step: number;
  /** Where each frame begins, or -1. */
  readonly transfersAt: number;
  readonly actorsAt: number;
  /** Where the record of each payment begins, and of each claim, and the claim's id within its text. */
  readonly paymentsAt: readonly number[];
  readonly claimsAt: readonly { readonly record: number; readonly claimId: number }[];
  /** By how much the versions of wallets grow with it. */
  readonly versions: number;
}

interface Draft {
  readonly actor: string;
  readonly actorId: Uint8Array;
  readonly text: string;
}

/** Builds the message of a step of a slot; `cards` are those of its claims, 16 bytes each. */
export function buildMessage(
  step: number,
  mix: Mix,
  wallets: Uint8Array,
  cards: Uint8Array,
  pairs: Pairs,
): ActorMessage {
  const { transfers, payments, claims } = mix;
  const drafts: Draft[] = [];
  for (let index = 0; index < payments; index += 1) drafts.push(paymentDraft(step, wallets, pairs));
  for (let index = 0; index < claims; index += 1) {
    drafts.push(claimDraft(cards.subarray(index * 16, index * 16 + 16), wallets, pairs));
  }
  const transferBytes = transfers === 0 ? 0 : WIRE_HEADER_BYTES + transfers * RECORD_BYTES;
  const recordBytes = drafts.reduce((sum, { text }) => sum + ACTOR_RECORD.text + paddedTextBytes(text.length), 0);
  const frameBytes = WIRE_HEADER_BYTES + recordBytes;
  const head = clientFrameHeader(OPCODE.binary, transferBytes + frameBytes);
  const bytes = Buffer.alloc(head.byteLength + transferBytes + frameBytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  bytes.set(head);
  const transfersAt = transfers === 0 ? -1 : head.byteLength;
  if (transfers > 0) {
    writeFrameHeader(view, transfersAt, { frameBytes: transferBytes, type: FRAME_TYPE.Commands, count: transfers });
    writeTransfers(view, transfersAt + WIRE_HEADER_BYTES, transfers, wallets, pairs);
  }
  const actorsAt = head.byteLength + transferBytes;
  writeFrameHeader(view, actorsAt, { frameBytes, type: FRAME_TYPE.ActorCommands, count: drafts.length });
  const recordsAt: number[] = [];
  let at = actorsAt + WIRE_HEADER_BYTES;
  for (const { actor, actorId, text } of drafts) {
    recordsAt.push(at);
    bytes.set(actorId, at + ACTOR_RECORD.actorId);
    bytes.write(actor, at + ACTOR_RECORD.actor, "latin1");
    view.setUint32(at + ACTOR_RECORD.textBytes, text.length, true);
    bytes.write(text, at + ACTOR_RECORD.text, "latin1");
    at += ACTOR_RECORD.text + paddedTextBytes(text.length);
  }
  return {
    bytes,
    view,
    step,
    transfersAt,
    actorsAt,
    paymentsAt: recordsAt.slice(0, payments),
    claimsAt: recordsAt.slice(payments).map((record) => ({ record, claimId: bytes.indexOf(PLACEHOLDER_ID, record) })),
    versions: transfers * TRANSFER_VERSIONS + payments * PAYMENT_VERSIONS[step] + claims * CLAIM_VERSIONS,
  };
}

/** Gives a message fresh ids; the payments of its first step are new ones, those of the others the ones of the step before. */
export function renewMessage(
  message: ActorMessage,
  before: ActorMessage,
  slot: number,
  mix: Mix,
  ids: CommandIds,
): void {
  const { bytes, view, transfersAt, actorsAt } = message;
  if (transfersAt >= 0) {
    view.setUint32(transfersAt + FRAME.requestId, 2 * slot + 1, true);
    renewIds(view, transfersAt + WIRE_HEADER_BYTES, mix.transfers, ids);
  }
  view.setUint32(actorsAt + FRAME.requestId, 2 * slot + 2, true);
  for (const [index, record] of message.paymentsAt.entries()) {
    ids.write(view, record + ACTOR_RECORD.id);
    const actorId = record + ACTOR_RECORD.actorId;
    if (message.step === 0) ids.write(view, actorId);
    else
      before.bytes.copy(bytes, actorId, before.paymentsAt[index] + ACTOR_RECORD.actorId, before.paymentsAt[index] + 32);
  }
  for (const { record, claimId } of message.claimsAt) {
    ids.write(view, record + ACTOR_RECORD.id);
    writeHexId(ids, bytes, claimId);
  }
}

function paymentDraft(step: number, wallets: Uint8Array, pairs: Pairs): Draft {
  pairs.next();
  const facts = {
    payerWalletId: formatUuid(wallets, pairs.from * 16),
    merchantWalletId: formatUuid(wallets, pairs.to * 16),
    amountMinor: pairs.amountMinor,
    currency: "EUR",
  };
  const type = PAYMENT_STEPS[step];
  return {
    actor: "Payment",
    actorId: new Uint8Array(16),
    text: JSON.stringify(step === 0 ? { type, ...facts } : { type }),
  };
}

/** A claim of two items at one of the pharmacies, for the card's holder, who has the card's own id. */
function claimDraft(card: Uint8Array, wallets: Uint8Array, pairs: Pairs): Draft {
  pairs.next();
  const { amountMinor } = pairs;
  // Cards have their wallets in the first half.
  const half = wallets.byteLength / 32;
  const pharmacy = half + (pairs.to % half);
  const text = JSON.stringify({
    type: "ClaimPrescription",
    claimId: PLACEHOLDER_ID,
    pharmacyWalletId: formatUuid(wallets, pharmacy * 16),
    beneficiaryId: formatUuid(card),
    category: "MEDICATION",
    totalMinor: amountMinor,
    items: [
      { code: "6221155004021", quantity: 1, unitPriceMinor: amountMinor - 20 },
      { code: "6221155004038", quantity: 2, unitPriceMinor: 10 },
    ],
  });
  return { actor: "MedCard", actorId: card, text };
}
