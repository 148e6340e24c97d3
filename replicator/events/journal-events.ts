import type { Frame } from "../../engine/journal/frame.ts";
import { RECORD_KIND, recordKind } from "../../engine/journal/record.ts";
import { viewRecord } from "../../engine/journal/record-view.ts";
import { readObjectRecord } from "../../engine/object/object-record.ts";
import type { SharedColumns } from "../../engine/wallet/wallet-columns.ts";
import { tellActor } from "./actor-events.ts";
import { tellHoldExpired, tellWalletChange } from "./change-events.ts";
import type { EventBatch } from "./event-batch.ts";
import type { RecordPlace } from "./frame-walk.ts";
import { PostingEvents } from "./posting-events.ts";
import { tellRejection, tellTransfer } from "./saga-events.ts";
import { WalletDirectory } from "./wallet-directory.ts";

/**
 * Which events the records of one shard's journal are.
 *
 * Nothing else decides about them: whoever reads the same record, on any node and however often, gets the same events.
 */
export class JournalEvents {
  readonly #shard: number;
  readonly #wallets: WalletDirectory;
  readonly #postings: PostingEvents;
  readonly #walletId: (slot: number) => string;

  constructor(shard: number, shardCount: number, columns: SharedColumns) {
    this.#shard = shard;
    this.#wallets = new WalletDirectory(shard, shardCount, columns);
    this.#postings = new PostingEvents(this.#wallets);
    this.#walletId = (slot) => this.#wallets.id(slot);
  }

  /** Adds the events of a record to a batch. */
  tell(frame: Frame, place: RecordPlace, sequence: number, batch: EventBatch): void {
    batch.beginRecord(this.#shard, sequence, frame.clockMs);
    const kind = recordKind(frame.lanes, place.at);
    if (kind < RECORD_KIND.WalletChanged) this.#postings.tell(kind, frame, place, batch);
    else if (kind === RECORD_KIND.ObjectChanged) {
      const record = readObjectRecord(frame.lanes, frame.bytes, place.at);
      if (!tellActor(record, batch)) tellTransfer(record, batch);
    } else this.#tellOther(frame, place.at, sequence, batch);
  }

  #tellOther(frame: Frame, at: number, sequence: number, batch: EventBatch): void {
    const record = viewRecord(frame, at, sequence, this.#walletId);
    switch (record.type) {
      case "WalletChanged":
        tellWalletChange(record, frame, at, this.#wallets, batch);
        break;
      case "HoldExpired":
        tellHoldExpired(record, frame, at, this.#wallets, batch);
        break;
      case "CommandRejected":
      case "LimitRejected":
        tellRejection(record, batch);
        break;
      default:
        throw new Error(`record ${batch.position} is of a kind that tells no events this way`);
    }
  }
}
