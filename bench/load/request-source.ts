import { OPERATION, RECORD, RECORD_FLAG } from "../../protocol/command-record.ts";
import { RECORD_BYTES } from "../../protocol/limits.ts";
import type { CommandKind, Profile } from "../profiles/profile.ts";
import type { CommandIds } from "./command-ids.ts";
import type { OpenHold, Request } from "./request.ts";
import { SeededRandom } from "./seeded-random.ts";
import { WalletDraw } from "./wallet-draw.ts";

const KINDS = ["transfers", "holds", "captures", "voids", "reads"] as const satisfies readonly CommandKind[];
/** Beyond this many open holds, a hold due is a capture instead. */
const OPEN_HOLDS_MAX = 65_536;
const EXTENDED_BYTES = 2 * RECORD_BYTES;

/** Makes the messages of one client: their kinds by the weights of the mix, their wallets as drawn. */
export class RequestSource {
  readonly #profile: Profile;
  readonly #wallets: Uint8Array;
  readonly #ids: CommandIds;
  readonly #draw: WalletDraw;
  readonly #random: SeededRandom;
  readonly #weightTotal: number;
  /** Holds placed and acknowledged, oldest first from the cursor on. */
  #open: OpenHold[] = [];
  #cursor = 0;

  constructor(profile: Profile, wallets: Uint8Array, shards: Uint8Array, ids: CommandIds, seed: number) {
    this.#profile = profile;
    this.#wallets = wallets;
    this.#ids = ids;
    this.#draw = new WalletDraw(profile.wallets, shards, seed);
    this.#random = new SeededRandom(seed ^ 0x5bd1e995);
    this.#weightTotal = KINDS.reduce((sum, kind) => sum + profile.mix[kind], 0);
  }

  /** A hold was placed and may be captured or voided. */
  holdPlaced(hold: OpenHold): void {
    this.#open.push(hold);
  }

  /** The next message of so many commands. */
  next(count: number, dueMs: number, stage: number): Request {
    const kind = this.#kindFor(count);
    const bytes = kind === "reads" ? 16 : kind === "captures" || kind === "voids" ? EXTENDED_BYTES : RECORD_BYTES;
    const request: Request = {
      kind,
      count,
      dueMs,
      sentMs: dueMs,
      stage,
      records: new Uint8Array(count * bytes),
      from: new Uint32Array(count),
      to: new Uint32Array(count),
      amountMinor: new Float64Array(count),
    };
    const view = new DataView(request.records.buffer);
    for (let at = 0; at < count; at += 1) this.#write(request, view, at, at * bytes);
    return request;
  }

  #kindFor(count: number): CommandKind {
    const kind = this.#drawKind();
    const open = this.#open.length - this.#cursor;
    if (kind === "holds" && open >= OPEN_HOLDS_MAX) return "captures";
    return (kind === "captures" || kind === "voids") && open < count ? "holds" : kind;
  }

  #drawKind(): CommandKind {
    let left = this.#random.next() * this.#weightTotal;
    for (const kind of KINDS) {
      left -= this.#profile.mix[kind];
      if (left < 0) return kind;
    }
    return "transfers";
  }

  #write(request: Request, view: DataView, at: number, offset: number): void {
    const { kind, records } = request;
    if (kind === "reads") {
      request.from[at] = this.#draw.one();
      this.#copyWallet(request.from[at], records, offset);
      return;
    }
    this.#ids.write(view, offset + RECORD.id);
    if (kind === "captures" || kind === "voids") {
      this.#writeClosing(request, view, at, offset);
      return;
    }
    this.#draw.next();
    request.from[at] = this.#draw.from;
    request.to[at] = this.#draw.to;
    request.amountMinor[at] = this.#draw.amountMinor;
    this.#copyWallet(this.#draw.from, records, offset + RECORD.wallet);
    this.#copyWallet(this.#draw.to, records, offset + RECORD.counterparty);
    view.setUint32(offset + RECORD.amountMinor, this.#draw.amountMinor, true);
    view.setUint8(offset + RECORD.operation, kind === "holds" ? OPERATION.PlaceHold : OPERATION.Transfer);
  }

  /** The capture or void of all of the oldest open hold. */
  #writeClosing(request: Request, view: DataView, at: number, offset: number): void {
    const hold = this.#open[this.#cursor];
    this.#cursor += 1;
    if (this.#cursor >= OPEN_HOLDS_MAX) {
      this.#open = this.#open.slice(this.#cursor);
      this.#cursor = 0;
    }
    request.from[at] = hold.from;
    request.to[at] = hold.to;
    request.amountMinor[at] = hold.amountMinor;
    const isCapture = request.kind === "captures";
    this.#copyWallet(hold.from, request.records, offset + RECORD.wallet);
    if (isCapture) this.#copyWallet(hold.to, request.records, offset + RECORD.counterparty);
    view.setUint8(offset + RECORD.operation, isCapture ? OPERATION.CaptureHold : OPERATION.VoidHold);
    view.setUint8(offset + RECORD.flags, RECORD_FLAG.extended);
    request.records.set(hold.id, offset + RECORD.targetId);
  }

  #copyWallet(wallet: number, into: Uint8Array, offset: number): void {
    into.set(this.#wallets.subarray(wallet * 16, wallet * 16 + 16), offset);
  }
}
