import type { Frame } from "../../engine/journal/frame.ts";
import {
  hasTail,
  isWide,
  POSTING,
  postingAmountMinor,
  postingMetadataAt,
  postingVersion,
  RECORD_KIND,
  type RecordKind,
} from "../../engine/journal/record.ts";
import { formatUuid, isNil } from "../../protocol/ids.ts";
import { type CommandFacts, commandFacts } from "./command-facts.ts";
import type { EventBatch } from "./event-batch.ts";
import type { RecordPlace } from "./frame-walk.ts";
import { sideJson } from "./saga-events.ts";
import { farSideOf, targetMember } from "./transfer-facts.ts";
import type { WalletDirectory } from "./wallet-directory.ts";

/** Postings that are a movement from its beginning to its end. */
const WHOLE: Partial<Record<RecordKind, string>> = {
  [RECORD_KIND.Transferred]: "Transfer",
  [RECORD_KIND.Credited]: "Credit",
  [RECORD_KIND.Debited]: "Debit",
  [RECORD_KIND.HoldCaptured]: "CaptureHold",
  [RECORD_KIND.Reversed]: "ReverseTransfer",
};

const decoder = new TextDecoder();

/** One wallet or account of a posting, as it is after it. */
interface Side {
  readonly slot: number;
  readonly walletId: string;
  readonly version: number;
  readonly postedMinor: number;
  readonly availableMinor: number | undefined;
}

/** Tells the postings of a shard: what left a wallet, what came to one, and the movement where it is whole. */
export class PostingEvents {
  readonly #wallets: WalletDirectory;

  constructor(wallets: WalletDirectory) {
    this.#wallets = wallets;
  }

  tell(kind: RecordKind, frame: Frame, place: RecordPlace, batch: EventBatch): void {
    const { at } = place;
    const id = formatUuid(frame.bytes, (at + POSTING.id) * 4);
    const amountMinor = postingAmountMinor(frame.lanes, at);
    const debit = this.#side(frame, at, true);
    const credit = this.#side(frame, at, false);
    if (kind === RECORD_KIND.Sold || kind === RECORD_KIND.Bought) {
      this.#tellExchange(kind, id, amountMinor, debit, credit, frame, place, batch);
      return;
    }
    const facts = factsAt(frame, at);
    const target = targetAt(frame, at);
    const whole = WHOLE[kind];
    if (whole === undefined) {
      const far = farSideOf(kind, id, frame, place.before, place.behind);
      const moved = movedMembers(far?.operation ?? "Transfer", id, amountMinor);
      this.#tellSide(debit, "debited", moved, far?.walletId ?? credit.walletId, target, facts, batch);
      this.#tellSide(credit, "credited", moved, far?.walletId ?? debit.walletId, target, facts, batch);
      return;
    }
    const data =
      `{"transferId":"${id}","position":"${batch.position}","operation":"${whole}","fromWalletId":"${debit.walletId}"` +
      `,"toWalletId":"${credit.walletId}","amountMinor":${amountMinor},"currency":"${this.#wallets.currency(debit.slot)}"` +
      `${this.#sideMember("from", debit)}${this.#sideMember("to", credit)}${target}${facts.members}}`;
    batch.add("mizan.transfer.completed.v1", id, data, facts.trace);
    const moved = movedMembers(whole, id, amountMinor);
    this.#tellSide(debit, "debited", moved, credit.walletId, target, facts, batch);
    this.#tellSide(credit, "credited", moved, debit.walletId, target, facts, batch);
  }

  /** An exchange is two records side by side, each of one wallet and a liquidity account; the first one has its facts. */
  #tellExchange(
    kind: RecordKind,
    id: string,
    amountMinor: number,
    debit: Side,
    credit: Side,
    frame: Frame,
    { at, before, behind }: RecordPlace,
    batch: EventBatch,
  ): void {
    const moved = movedMembers("ExchangeCurrency", id, amountMinor);
    if (kind === RECORD_KIND.Sold) {
      const toWalletId = this.#wallets.id(frame.lanes[behind + POSTING.creditSlot]);
      this.#tellSide(debit, "debited", moved, toWalletId, "", factsAt(frame, at), batch);
      return;
    }
    const facts = factsAt(frame, before);
    const seller = this.#side(frame, before, true);
    const data =
      `{"transferId":"${id}","position":"${batch.position}","operation":"ExchangeCurrency"` +
      `,"fromWalletId":"${seller.walletId}","toWalletId":"${credit.walletId}"` +
      `,"amountMinor":${postingAmountMinor(frame.lanes, before)},"currency":"${this.#wallets.currency(seller.slot)}"` +
      `${this.#sideMember("from", seller)}${this.#sideMember("to", credit)}` +
      `,"boughtMinor":${amountMinor},"boughtCurrency":"${this.#wallets.currency(credit.slot)}"${facts.members}}`;
    batch.add("mizan.transfer.completed.v1", id, data, facts.trace);
    this.#tellSide(credit, "credited", moved, seller.walletId, "", facts, batch);
  }

  #tellSide(
    side: Side,
    what: "debited" | "credited",
    moved: string,
    counterpartyId: string,
    target: string,
    { members, trace }: CommandFacts,
    batch: EventBatch,
  ): void {
    const { slot, walletId, version, postedMinor, availableMinor } = side;
    if (this.#wallets.isAccount(slot)) return;
    const available = availableMinor === undefined ? "" : `,"availableMinor":${availableMinor}`;
    const data =
      `{"walletId":"${walletId}","position":"${batch.position}","version":${version}` +
      `,"currency":"${this.#wallets.currency(slot)}","postedMinor":${postedMinor}${available}${moved}` +
      `,"counterpartyId":"${counterpartyId}"${target}${members}}`;
    batch.add(
      this.#wallets.isStripe(slot) ? `mizan.wallet.stripe_${what}.v1` : `mizan.wallet.${what}.v1`,
      walletId,
      data,
      trace,
    );
  }

  #side({ lanes, floats }: Frame, at: number, isDebit: boolean): Side {
    const slot = lanes[at + (isDebit ? POSTING.debitSlot : POSTING.creditSlot)];
    const postedMinor = floats[(at + (isDebit ? POSTING.debitPosted : POSTING.creditPosted)) >>> 1];
    return {
      slot,
      walletId: this.#wallets.id(slot),
      version: postingVersion(lanes, floats, at, isDebit ? "debit" : "credit"),
      postedMinor,
      availableMinor: availableAt(lanes, floats, at, isDebit, postedMinor),
    };
  }

  /** What a transfer tells of one of its wallets; a stripe's balance is not the wallet's. */
  #sideMember(name: "from" | "to", { slot, version, postedMinor, availableMinor }: Side): string {
    if (this.#wallets.isAccount(slot) || this.#wallets.isStripe(slot)) return "";
    return `,"${name}":${sideJson(version, postedMinor, availableMinor)}`;
  }
}

/** A narrow posting is of wallets of which all is available; a wide one without a tail does not say. */
function availableAt(
  lanes: Uint32Array,
  floats: Float64Array,
  at: number,
  isDebit: boolean,
  postedMinor: number,
): number | undefined {
  if (!isWide(lanes, at)) return postedMinor;
  if (!hasTail(lanes, at)) return undefined;
  return floats[(at + (isDebit ? POSTING.debitAvailable : POSTING.creditAvailable)) >>> 1];
}

function movedMembers(operation: string, id: string, amountMinor: number): string {
  return `,"operation":"${operation}","transferId":"${id}","amountMinor":${amountMinor}`;
}

function factsAt({ lanes, bytes }: Frame, at: number): CommandFacts {
  if (!isWide(lanes, at)) return commandFacts(undefined, undefined);
  const reference = isNil(lanes, at + POSTING.reference) ? undefined : formatUuid(bytes, (at + POSTING.reference) * 4);
  const metadataBytes = lanes[at + POSTING.metadataBytes];
  const metadataAt = postingMetadataAt(lanes, at) * 4;
  const metadata =
    metadataBytes === 0 ? undefined : decoder.decode(bytes.subarray(metadataAt, metadataAt + metadataBytes));
  return commandFacts(reference, metadata);
}

function targetAt({ lanes, bytes }: Frame, at: number): string {
  const hasTarget = hasTail(lanes, at) && !isNil(lanes, at + POSTING.target);
  return targetMember(hasTarget ? formatUuid(bytes, (at + POSTING.target) * 4) : undefined);
}
