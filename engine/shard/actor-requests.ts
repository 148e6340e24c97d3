import { CODES } from "../../protocol/codes.ts";
import type { ActorSettings } from "../actor/actor.ts";
import type { ActorRow } from "../actor/actor-row.ts";
import type { AskAnswer, AskRequest } from "../actor/messages.ts";
import { actorOf } from "../actor/registry.ts";
import type { FrameBuilder } from "../journal/frame.ts";
import { pack } from "../object/object-record.ts";
import { REPLY_KIND, REQUEST, REQUEST_KIND } from "../port/entries.ts";
import { readCause } from "../port/peer-message.ts";
import { unpackPayload } from "../port/request-payload.ts";
import type { RingReader } from "../port/ring.ts";
import { viewSaga } from "../saga/saga-view.ts";
import type {
  ActorBatch,
  ActorLookup,
  ActorResult,
  ActorsAsked,
  ObjectCommand,
  ObjectOutcome,
  OpenSagas,
  ProjectionQuestion,
  SagaFound,
  SagaRelease,
  WatchedActor,
} from "../views.ts";
import { ACTOR_RECORD_BYTES_MAX, type ActorAnswer, ActorDesk, readActor, viewActor, viewState } from "./actor-desk.ts";
import { listActors } from "./actor-list.ts";
import { AskDesk } from "./ask-desk.ts";
import { COMMAND_FRAME_BYTES_MAX, type CommandExecutor } from "./command-executor.ts";
import type { RecordReader } from "./record-reader.ts";
import type { ReplyWriter } from "./reply-writer.ts";
import type { ShardState } from "./shard-state.ts";

/** An actor with a longer state is told without it. **Units**: bytes of MessagePack. */
const TOLD_BYTES_MAX = 262_144;
/** What is left free of the reply ring where changes are told. */
const TELL_ROOM_BYTES = 4_096;

/** Sagas in one answer at most. */
const SAGAS_MAX = 1_000;

/** Room for a command to a wallet, and for the actor's record behind it. **Units**: bytes. */
const ASK_BYTES_MAX = ACTOR_RECORD_BYTES_MAX + 2 * COMMAND_FRAME_BYTES_MAX;

interface ActorRequestHooks {
  readonly settings: ActorSettings;
  readonly send: (toShard: number, kind: number, message: AskRequest | AskAnswer) => void;
  /** Commits where the frame has no room for so much more. **Units**: bytes. */
  readonly makeRoom: (bytes: number) => void;
  /** Whether the frame has room for so much more, and the ring of answers for the changes of one more command. **Units**: bytes. */
  readonly hasRoom: (bytes: number) => boolean;
}

/** Takes the requests that are about actors and their sagas. */
export class ActorRequests {
  readonly desk: ActorDesk;
  readonly #state: ShardState;
  readonly #frame: FrameBuilder;
  readonly #replies: ReplyWriter;
  readonly #asks: AskDesk;
  readonly #hooks: ActorRequestHooks;

  constructor(
    state: ShardState,
    frame: FrameBuilder,
    records: RecordReader,
    executor: CommandExecutor,
    replies: ReplyWriter,
    hooks: ActorRequestHooks,
  ) {
    this.#state = state;
    this.#frame = frame;
    this.#replies = replies;
    this.#hooks = hooks;
    this.desk = new ActorDesk(state, frame, records, executor, {
      settings: hooks.settings,
      ask: (toShard, message) => hooks.send(toShard, REQUEST_KIND.PeerAsk, message),
      askHere: (message) => this.#asks.executeHere(message),
      makeRoom: () => hooks.makeRoom(ASK_BYTES_MAX),
      hasRoom: () => hooks.hasRoom(ASK_BYTES_MAX),
    });
    this.#asks = new AskDesk(state, frame, records, executor, (toShard, answer) =>
      hooks.send(toShard, REQUEST_KIND.PeerAsked, answer),
    );
  }

  /**
   * Handles the request at an offset of a ring, or returns false where it is about something else. A shard that follows a leader
   * decides nothing.
   */
  handle(kind: number, ring: RingReader, offset: number, isFollowing: boolean): boolean {
    const token = ring.lanes[(offset >>> 2) + REQUEST.token];
    switch (kind) {
      case REQUEST_KIND.PeerAsk:
        this.#hooks.makeRoom(2 * COMMAND_FRAME_BYTES_MAX + AskDesk.recordBytesMax);
        this.#asks.take(unpackPayload(ring, offset) as AskRequest, readCause(ring, offset));
        break;
      case REQUEST_KIND.PeerAsked:
        this.desk.answered(unpackPayload(ring, offset) as AskAnswer, readCause(ring, offset));
        break;
      case REQUEST_KIND.ActorCommand: {
        const command = unpackPayload(ring, offset) as ObjectCommand;
        const actor = actorOf(command.aggregate);
        if (isFollowing) this.#replies.object(token, "not_leader", null);
        else if (actor === undefined) this.#replies.object(token, "unknown_operation", null);
        else
          this.desk.execute(actor, command, (answer) =>
            this.#replies.object(token, answer.code, outcomeOf(answer, this.#state.shard)),
          );
        break;
      }
      case REQUEST_KIND.ActorCommands:
        if (isFollowing) this.#replies.object(token, "not_leader", null);
        else this.#executeAll(unpackPayload(ring, offset) as ActorBatch, token);
        break;
      case REQUEST_KIND.LookupActor:
        this.#lookup(unpackPayload(ring, offset) as ActorLookup, token);
        break;
      case REQUEST_KIND.ListActors: {
        const found = listActors(this.#state.actors.byRow, unpackPayload(ring, offset) as ActorsAsked);
        if (typeof found === "string") this.#replies.object(token, found, null);
        else this.#replies.object(token, "ok", found);
        break;
      }
      case REQUEST_KIND.ReadProjection: {
        const { aggregate, question, by } = unpackPayload(ring, offset) as ProjectionQuestion;
        const projection = this.#state.actors.projection(aggregate);
        if (projection === undefined) this.#replies.object(token, "unknown_operation", null);
        else this.#replies.object(token, "ok", projection.read(question, by));
        break;
      }
      case REQUEST_KIND.WatchActor:
        this.#watch(unpackPayload(ring, offset) as ActorLookup, token);
        break;
      case REQUEST_KIND.UnwatchActor: {
        const { aggregate, id } = unpackPayload(ring, offset) as ActorLookup;
        this.#state.actors.watches.unwatch(aggregate, id);
        break;
      }
      case REQUEST_KIND.ListSagas:
        this.#replies.object(token, "ok", this.#openSagas());
        break;
      case REQUEST_KIND.LookupSaga:
        this.#replies.object(token, "ok", this.#findSaga(unpackPayload(ring, offset) as string));
        break;
      case REQUEST_KIND.ReleaseSaga: {
        const { id, isTakenBack, reason } = unpackPayload(ring, offset) as SagaRelease;
        const code = isFollowing ? "not_leader" : this.desk.release(id, isTakenBack, reason);
        this.#replies.object(token, code, { code });
        break;
      }
      default:
        return false;
    }
    return true;
  }

  /** Executes commands in their order, and answers when the last of them is answered. */
  #executeAll({ by, withStates, commands }: ActorBatch, token: number): void {
    const results = new Array<ActorResult>(commands.length);
    let left = commands.length;
    for (const [index, sent] of commands.entries()) {
      const take = (answer: ActorAnswer): void => {
        results[index] = resultOf(answer, withStates);
        left -= 1;
        if (left === 0) this.#replies.object(token, "ok", results);
      };
      const actor = actorOf(sent.aggregate);
      if (actor === undefined) take({ code: "unknown_operation", replayed: false, sequence: 0, row: undefined });
      else this.desk.execute(actor, { ...sent, by }, take);
    }
  }

  #openSagas(): OpenSagas {
    const open = this.#state.actors.open();
    const countOf: Record<string, number> = {};
    for (const { saga } of open.map((row) => row.open)) countOf[saga.type] = (countOf[saga.type] ?? 0) + 1;
    const sagas = open.slice(0, SAGAS_MAX).map((row) => viewSaga(row.type, row.id, row.open.saga));
    return { sagas, countOf };
  }

  #findSaga(id: string): SagaFound {
    const row = this.#state.actors.open().find(({ open }) => open.saga.id === id);
    const newest = row?.open.head ?? this.#state.findTextAtAnyAge(id);
    return row === undefined ? { newest } : { newest, open: viewSaga(row.type, row.id, row.open.saga) };
  }

  /** Tells what has happened to watched actors, as far as the reply ring has room; what it has not is told later. */
  tellChanges(): void {
    this.#state.actors.watches.tell((change) => {
      const { row, previousVersion, sequence, isConflated } = change;
      const told = { ...this.#watched(row, sequence), previousVersion, isConflated };
      let payload = pack(told);
      if (payload.byteLength > TOLD_BYTES_MAX) payload = pack({ ...told, state: null });
      if (this.#replies.ring.freeBytes() < 2 * payload.byteLength + TELL_ROOM_BYTES) return false;
      this.#replies.unasked(REPLY_KIND.ActorChanged, payload);
      return true;
    });
  }

  /** What happened before is told after this answer, or was told before: whoever reads knows it by its version. */
  #watch({ aggregate, id, by }: ActorLookup, token: number): void {
    const actor = actorOf(aggregate);
    const isOut = actor === undefined || actor.isRestOnly;
    const row = isOut ? "unknown_operation" : readActor(this.#state, actor, id, by);
    if (typeof row === "string") {
      this.#replies.object(token, row, null);
      return;
    }
    this.#state.actors.watches.watch(aggregate, id);
    this.#replies.object(token, "ok", this.#watched(row, this.#frame.nextSequence - 1));
  }

  #watched(row: ActorRow, sequence: number): WatchedActor {
    const { type: actor, id: actorId, version } = row;
    const at = { version, previousVersion: version, sequence, timestampMs: this.#frame.clockMs };
    return { actor, actorId, ...at, state: viewState(row, true), isConflated: false };
  }

  #lookup({ aggregate, id, by, isWhole, fields }: ActorLookup, token: number): void {
    const actor = actorOf(aggregate);
    const row = actor === undefined ? "unknown_operation" : readActor(this.#state, actor, id, by);
    if (typeof row === "string") this.#replies.object(token, row, null);
    else this.#replies.object(token, "ok", fields === undefined ? viewActor(row, isWhole) : factsOf(row, fields));
  }
}

function outcomeOf({ code, replayed, sequence, row }: ActorAnswer, shard: number): ObjectOutcome {
  return { code, replayed, shard, sequence, state: row === undefined ? null : viewActor(row) };
}

function resultOf({ code, replayed, sequence, row }: ActorAnswer, withStates: boolean): ActorResult {
  const state = row === undefined || !withStates ? null : viewState(row);
  return [CODES[code].number, replayed, sequence, row?.version ?? 0, state];
}

function factsOf(row: ActorRow, fields: readonly string[]): object {
  const view = viewActor(row);
  return Object.fromEntries(fields.filter((name) => name in view).map((name) => [name, view[name]]));
}
