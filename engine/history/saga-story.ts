import type { Code } from "../../protocol/codes.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import type { SagaView } from "../actor/actor-row.ts";
import { isSagaEvent } from "../actor/evolve-actor.ts";
import { HistoryExpiredError } from "../journal/journal-files.ts";
import type { JournalReader } from "../journal/journal-reader.ts";
import { RECORD_KIND, recordKind } from "../journal/record.ts";
import { type ObjectRecord, readObjectRecord } from "../object/object-record.ts";
import { askOf, evolveSaga, type Saga, type SagaEvent } from "../saga/saga.ts";
import { viewSaga } from "../saga/saga-view.ts";
import { positionText } from "../shard/position.ts";
import { RecordCursor } from "./record-cursor.ts";

/** Records of one saga that are read: more than all tries of all steps take, but for an operator who has it try again and again. */
const RECORDS_MAX = 1_000;

/** Something that happened to a saga. */
interface SagaEntry {
  readonly type: "begun" | "asked" | "done" | "delayed" | "refunding" | "parked" | "unparked" | "ended";
  readonly position: string;
  readonly timestampMs: number;
  /** What is true afterwards; absent where the beginning is not known. CREDITED: every step is done. */
  readonly status?: SagaView["status"] | "CREDITED";
  /** The step that it is about. While REFUNDING, it is taken back. */
  readonly step?: number;
  /** Asked: what of which wallet, under which command id. */
  readonly operation?: string;
  readonly walletId?: string;
  readonly commandId?: string;
  /** Why, or how it ended. */
  readonly code?: Code;
  readonly retryAtMs?: number;
  /** What the operator said. */
  readonly reason?: string;
}

/** A saga, open or ended, and all that happened to it, the oldest first. */
export interface SagaStory {
  /** Of one whose beginning is not known, only what its newest record says. */
  readonly saga: SagaView;
  readonly entries: readonly SagaEntry[];
  /** Whether the entries begin with its beginning: older records may be kept no longer. */
  readonly isComplete: boolean;
}

interface Found {
  readonly record: ObjectRecord;
  readonly position: string;
  readonly timestampMs: number;
}

/**
 * What happened to a saga, from its newest record back; null where that record is none of it.
 *
 * **Errors**: throws HistoryExpiredError where that record is not kept any more.
 */
export function tellSaga(
  shard: number,
  reader: Pick<JournalReader, "frameAt">,
  id: string,
  newest: number,
): SagaStory | null {
  const found = recordsOf(new RecordCursor(shard, reader), id, newest);
  const last = found.at(-1);
  if (last === undefined) return null;
  const { aggregate: actor, id: actorId } = last.record;
  const entries: SagaEntry[] = [];
  let saga: Saga | undefined;
  let shown = unknownView(id, found[0] ?? last, last.record);
  for (const { record, ...where } of found) {
    const events = record.events.filter(isSagaEvent);
    for (const event of events) {
      const before: Saga | undefined = saga;
      const isKnown = before !== undefined || event.type === "SagaBegun";
      saga = isKnown ? evolveSaga(before, event) : undefined;
      entries.push(...entriesOf(event, before, saga).map((entry) => ({ ...where, ...entry })));
      const asked = saga === undefined || isPassed(events, event) ? undefined : askedEntry(saga);
      if (asked !== undefined) entries.push({ ...where, ...asked });
      if (saga !== undefined) shown = viewSaga(actor, actorId, saga);
      else if (event.type === "SagaEnded") shown = endedView(shown, event, where.timestampMs);
    }
  }
  const isComplete = entries[0]?.type === "begun";
  return { saga: shown, entries, isComplete };
}

/** The records of a saga that are kept, the oldest first. */
function recordsOf(cursor: RecordCursor, id: string, newest: number): readonly Found[] {
  const found: Found[] = [];
  for (let sequence = newest; sequence > 0 && found.length < RECORDS_MAX; ) {
    const record = recordAt(cursor, sequence, found.length === 0);
    if (record === undefined || !record.events.some(isSagaEvent)) break;
    if (found.length === 0 && record.command !== undefined && record.command.id !== id) break;
    found.push({ record, position: positionText(cursor.shard, sequence), timestampMs: cursor.frame.clockMs });
    const isFirst = record.events.some((event) => isSagaEvent(event) && event.type === "SagaBegun");
    sequence = isFirst ? 0 : (record.previous ?? 0);
  }
  return found.reverse();
}

function recordAt(cursor: RecordCursor, sequence: number, isNeeded: boolean): ObjectRecord | undefined {
  try {
    if (!cursor.go(sequence)) return undefined;
  } catch (error) {
    if (isNeeded || !(error instanceof HistoryExpiredError)) throw error;
    return undefined;
  }
  const { lanes, bytes } = cursor.frame;
  if (recordKind(lanes, cursor.at) !== RECORD_KIND.ObjectChanged) return undefined;
  return readObjectRecord(lanes, bytes, cursor.at);
}

type Entry = Omit<SagaEntry, "position" | "timestampMs">;

/** What an event tells, with what is true after it. */
function entriesOf(event: SagaEvent, before: Saga | undefined, after: Saga | undefined): readonly Entry[] {
  const status = after === undefined ? {} : { status: after.status };
  const step = before === undefined ? {} : { step: before.at };
  switch (event.type) {
    case "SagaBegun":
      return [{ type: "begun", ...status }];
    case "SagaStepDone":
      return [{ type: "done", ...status, ...step }];
    case "SagaDelayed":
      return [{ type: "delayed", ...status, ...step, code: event.code, retryAtMs: event.retryAtMs }];
    case "SagaAskedAgain":
      return [];
    case "SagaRefunding":
      return [{ type: "refunding", ...status, ...step, code: event.code }];
    case "SagaParked":
      return [{ type: "parked", ...status, ...step, code: event.code }];
    case "SagaUnparked":
      return [{ type: "unparked", ...status, ...step, reason: event.reason }];
    case "SagaEnded": {
      const { status: final, code } = event;
      const ended: Entry = { type: "ended", status: final, code };
      if (before === undefined) return [ended];
      // The last step's answer ends the saga, too; where the first step is refused, nothing was done.
      if (final === "COMPLETED") return [{ type: "done", status: "CREDITED", ...step }, ended];
      return before.status === "REFUNDING" ? [{ type: "done", status: "REFUNDING", ...step }, ended] : [ended];
    }
    default:
      return unreachable(event);
  }
}

/** Whether the saga has gone on from an event without asking: an operator has it take back what it did. */
function isPassed(events: readonly SagaEvent[], event: SagaEvent): boolean {
  return event.type === "SagaUnparked" && events.at(-1)?.type === "SagaRefunding";
}

function askedEntry(saga: Saga): Entry | undefined {
  const asked = askOf(saga);
  if (asked === undefined) return undefined;
  const { operation, walletId } = asked.ask;
  return { type: "asked", status: saga.status, step: saga.at, operation, walletId, commandId: asked.id };
}

/** What is known of a saga whose beginning is not. */
function unknownView(
  id: string,
  { timestampMs: startedAtMs }: Found,
  { aggregate, id: actorId, command }: ObjectRecord,
): SagaView {
  const { type = "" } = (command?.body ?? {}) as { readonly type?: string };
  const status = "INITIATED" as const;
  return { id, actor: aggregate, actorId, type, status, isParked: false, step: 0, steps: [], failures: 0, startedAtMs };
}

function endedView(
  view: SagaView,
  { status, code }: Extract<SagaEvent, { type: "SagaEnded" }>,
  endedAtMs: number,
): SagaView {
  const { retryAtMs: _, ...rest } = view;
  return { ...rest, status, isParked: false, code, endedAtMs };
}
