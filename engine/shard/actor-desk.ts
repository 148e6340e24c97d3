import { CODES, type Code, codeName, type Refusal } from "../../protocol/codes.ts";
import { isUuid, shardOfUuid, uuidBytes } from "../../protocol/ids.ts";
import type { ActorSettings, Sender } from "../actor/actor.ts";
import type { ActorRow, OpenSaga } from "../actor/actor-row.ts";
import { LEDGER_SENDER } from "../actor/evolve-actor.ts";
import type { AskAnswer, AskRequest, StepAnswer } from "../actor/messages.ts";
import { type AnyActor, type AnyCommand, actorOf, versionOf } from "../actor/registry.ts";
import type { FrameBuilder } from "../journal/frame.ts";
import type { Cause } from "../object/cause.ts";
import { addObjectRecord, type ObjectRecord, pack } from "../object/object-record.ts";
import { packedBytesMax } from "../object/packed-size.ts";
import {
  type Asked,
  answerSaga,
  askOf,
  beginSaga,
  compensateSaga,
  evolveSaga,
  retrySaga,
  type Saga,
  type SagaMove,
  type SagaStep,
  takeAnswer,
  unparkSaga,
  type WalletAsk,
} from "../saga/saga.ts";
import { SagaRun } from "../saga/saga-run.ts";
import { timedIdOf } from "../saga/step-id.ts";
import type { ObjectCommand } from "../views.ts";
import type { CommandExecutor } from "./command-executor.ts";
import type { RecordReader } from "./record-reader.ts";
import type { ShardState } from "./shard-state.ts";

/** Longest record of an actor: its command and its steps. **Units**: bytes. */
export const ACTOR_RECORD_BYTES_MAX = 65_536;

/** What a command on an actor came to. */
export interface ActorAnswer {
  readonly code: Code;
  readonly replayed: boolean;
  /** Of the record that ended it; 0 where nothing was journaled. */
  readonly sequence: number;
  /** The actor, where the command succeeded. */
  readonly row: ActorRow | undefined;
}

type Given = NonNullable<ObjectRecord["command"]>;

/** A command whose steps begin; without `given` the ledger sends it by itself. */
interface Begin {
  readonly sagaId: string;
  readonly steps: readonly SagaStep[];
  readonly events?: readonly AnyCommand[];
  readonly nowMs: number;
  readonly given?: Given;
}

type TakeAnswer = (answer: ActorAnswer) => void;

/** What moves a saga on, where it is a wallet. */
interface Reason {
  readonly cause?: Cause;
  readonly answer?: StepAnswer;
}

export interface ActorDeskHooks {
  readonly settings: ActorSettings;
  /** Sends a message to the shard of a wallet, once everything decided so far is durable. */
  readonly ask: (toShard: number, message: AskRequest) => void;
  /** Executes at once what is asked of a wallet of this shard; undefined where the answer comes as a message. */
  readonly askHere: (message: AskRequest) => Omit<StepAnswer, "shard"> | undefined;
  /** Commits where the frame has no room for a command to a wallet and a record of the largest length. */
  readonly makeRoom: () => void;
  /** Whether it has. */
  readonly hasRoom: () => boolean;
}

/**
 * Executes commands on actors. What an actor asks of wallets is in its state, so it is asked again after a crash.
 *
 * The id of a command leads to the record that began it, and, when wallets have done their part, to the one that ended it.
 */
export class ActorDesk {
  readonly #state: ShardState;
  readonly #frame: FrameBuilder;
  readonly #records: RecordReader;
  readonly #executor: CommandExecutor;
  readonly #hooks: ActorDeskHooks;
  /** Saga → who waits for its end; known only to the run in which the command came. */
  readonly #waiters = new Map<string, TakeAnswer>();

  constructor(
    state: ShardState,
    frame: FrameBuilder,
    records: RecordReader,
    executor: CommandExecutor,
    hooks: ActorDeskHooks,
  ) {
    this.#state = state;
    this.#frame = frame;
    this.#records = records;
    this.#executor = executor;
    this.#hooks = hooks;
  }

  /** Executes a command and answers it, now or when wallets have done their part. */
  execute(actor: AnyActor, sent: ObjectCommand, take: TakeAnswer): void {
    const code = this.#execute(actor, sent, take);
    if (code !== "ok") take(refused(code));
  }

  #execute(actor: AnyActor, sent: ObjectCommand, take: TakeAnswer): Code {
    const { id, commandId, command, by = LEDGER_SENDER } = sent;
    if (!isUuid(commandId) || !isUuid(id)) return "invalid_request";
    this.#hooks.makeRoom();
    const known = this.#state.findText(commandId);
    if (known !== 0) return this.#answerAgain(known, actor, { id, commandId, command, by }, take);
    const idCode = codeName(this.#executor.decideId(new Uint32Array(uuidBytes(commandId).buffer), 0, false));
    if (idCode !== "ok") return idCode;
    const row = this.#state.actors.get(actor.name, id);
    if (row?.open !== undefined) return "actor_busy";
    if (row === undefined && this.#state.actors.isFull) return "actors_full";
    const nowMs = this.#frame.clockMs;
    const found = sent.found === undefined ? {} : { found: sent.found };
    const decision = actor.decide(row?.state, command, {
      id,
      sender: by,
      nowMs,
      settings: this.#hooks.settings,
      ...found,
    });
    if (decision.code !== "ok" && CODES[decision.code].memory === "passing") return decision.code;
    const given = { id: commandId, body: command, by, ...found };
    if ("steps" in decision) return this.#begin(actor, id, { ...decision, nowMs, sagaId: commandId, given }, take);
    const events = decision.code === "ok" ? decision.events : [];
    const code = this.#record(actor, id, decision.code, events, given);
    if (code === "ok") this.#answer(actor, id, take, decision.code);
    return code;
  }

  /** Takes the answer of a wallet. */
  answered({ actor: name, actorId, id, code, ...rest }: AskAnswer, cause: Cause): void {
    const actor = actorOf(name);
    const open = this.#state.actors.get(name, actorId)?.open;
    if (actor === undefined || open === undefined) return;
    this.#hooks.makeRoom();
    const move = answerSaga(open.saga, id, code, this.#frame.clockMs);
    // One that comes twice, or too late, changes nothing.
    if (move.events.length === 0) return;
    this.#goOn(actor, actorId, open, move, { cause, answer: { code, ...rest, shard: cause.shard } });
  }

  /** Does what the next actor is due for; false where none is. */
  runNextDue(): boolean {
    // It is asked after every frame, and mostly none is due.
    if (this.#state.actors.nextDueAtMs() > this.#frame.clockMs) return false;
    this.#hooks.makeRoom();
    const nowMs = this.#frame.clockMs;
    const row = this.#state.actors.firstDue(nowMs);
    const actor = row === undefined ? undefined : actorOf(row.type);
    if (row === undefined || actor === undefined) return false;
    const { id, open } = row;
    if (open !== undefined) {
      this.#goOn(actor, id, open, retrySaga(open.saga, nowMs));
      return true;
    }
    const decision = actor.decide(row.state, actor.dueCommand, {
      id,
      sender: LEDGER_SENDER,
      nowMs,
      settings: this.#hooks.settings,
    });
    if (decision.code !== "ok") throw new Error(`${actor.name} ${id} is due and refuses: ${decision.code}`);
    if ("steps" in decision) {
      const sagaId = timedIdOf(nowMs, `${actor.name}\0${id}\0${row.version}`);
      this.#begin(actor, id, { ...decision, nowMs, sagaId });
    } else {
      this.#record(actor, id, "ok", decision.events);
    }
    return true;
  }

  /** An operator has a parked saga try again, or take back what it did. */
  release(sagaId: string, isTakenBack: boolean, reason: string): Code {
    const row = this.#state.actors.open().find(({ open }) => open.saga.id === sagaId);
    const actor = row === undefined ? undefined : actorOf(row.type);
    if (row === undefined || actor === undefined) return "saga_not_found";
    this.#hooks.makeRoom();
    const nowMs = this.#frame.clockMs;
    const { saga } = row.open;
    const move = isTakenBack ? compensateSaga(saga, reason, nowMs) : unparkSaga(saga, reason, nowMs);
    if (typeof move === "string") return move;
    this.#goOn(actor, row.id, row.open, move);
    return "ok";
  }

  /** After recovery: asks again for everything that is awaited. */
  resume(): void {
    for (const { type, id, open } of this.#state.actors.open()) {
      const asked = askOf(open.saga);
      // Always as a message: what of it still runs between shards has more time to end.
      if (asked !== undefined) this.#send(type, id, asked, open.askIds);
    }
  }

  /**
   * Begins the steps of a command. Where all of them can be done in this frame, they and their end are one record behind those of
   * the wallets: a crash takes all of it, or nothing.
   */
  #begin(actor: AnyActor, id: string, { sagaId, steps, events = [], nowMs, given }: Begin, take?: TakeAnswer): Code {
    const command = given === undefined ? actor.dueCommand : (given.body as AnyCommand);
    const begun = beginSaga(sagaId, command.type, steps, nowMs);
    const first = [...events, begun];
    const saga = evolveSaga(undefined, begun) as Saga;
    const run = new SagaRun({ saga, askIds: [] });
    // What may be too large for a record is journaled before anything is asked for.
    const isSmall = packedBytesMax([first, given]) <= ACTOR_RECORD_BYTES_MAX / 2;
    if (isSmall) this.#askHere(actor, id, run);
    if (run.ended !== undefined) {
      const before = this.#state.actors.get(actor.name, id)?.state;
      const state = events.reduce<unknown>((at, event) => actor.evolve(at, event), before);
      const concluded = conclude(actor, state, { command, sender: given?.by ?? LEDGER_SENDER }, run);
      const code = this.#record(actor, id, run.ended, [...first, ...run.events, ...concluded], given);
      if (take !== undefined) this.#answer(actor, id, take, run.ended);
      return code;
    }
    const code = this.#record(actor, id, "in_progress", [...first, ...run.events], given);
    if (code !== "ok") return code;
    if (take !== undefined) this.#waiters.set(sagaId, take);
    this.#wait(actor, id, run);
    return "ok";
  }

  /** Goes on with the actor's saga from a move of it. What comes of it in this frame is one record, behind those of wallets. */
  #goOn(actor: AnyActor, id: string, open: OpenSaga, move: SagaMove, { cause, answer }: Reason = {}): void {
    const run = new SagaRun(open);
    run.take(move, answer);
    this.#askHere(actor, id, run);
    if (run.ended === undefined) {
      this.#record(actor, id, "in_progress", run.events, undefined, cause);
      this.#wait(actor, id, run);
      return;
    }
    const { state } = this.#state.actors.get(actor.name, id) as ActorRow;
    const sagaId = open.saga.id;
    const given = open.isOwn ? undefined : { id: sagaId, body: open.command, by: open.sender };
    this.#record(actor, id, run.ended, [...run.events, ...conclude(actor, state, open, run)], given, cause);
    const take = this.#waiters.get(sagaId);
    this.#waiters.delete(sagaId);
    if (take !== undefined) this.#answer(actor, id, take, run.ended);
  }

  /** Asks wallets of this shard, one after the other, until something has to wait. */
  #askHere(actor: AnyActor, id: string, run: SagaRun): void {
    while (run.asked !== undefined && this.#isHere(run.asked.ask) && this.#hooks.hasRoom()) {
      const said = this.#hooks.askHere({ actor: actor.name, actorId: id, ...withHold(run.asked, run.askIds) });
      if (said === undefined) run.isAsked = true;
      if (said === undefined) return;
      run.take(takeAnswer(run.saga, said.code, this.#frame.clockMs), { ...said, shard: this.#state.shard });
    }
  }

  /** Has a saga wait: for a wallet, or for a time or an operator. */
  #wait(actor: AnyActor, id: string, { saga, asked, askIds, isAsked }: SagaRun): void {
    if (asked !== undefined) {
      if (!isAsked) this.#send(actor.name, id, asked, askIds);
      return;
    }
    // Whoever waits hears that it takes longer, and may ask again.
    const take = this.#waiters.get(saga.id);
    this.#waiters.delete(saga.id);
    take?.(refused("in_progress"));
  }

  #send(actor: string, actorId: string, asked: Asked, askIds: readonly string[]): void {
    this.#hooks.ask(this.#shardOf(asked.ask), { actor, actorId, ...withHold(asked, askIds) });
  }

  #isHere(ask: WalletAsk): boolean {
    return this.#shardOf(ask) === this.#state.shard;
  }

  #shardOf({ walletId }: WalletAsk): number {
    return shardOfUuid(walletId, this.#executor.shardCount);
  }

  /** Journals and applies events. **Errors**: `message_too_large`, with nothing changed. */
  #record(actor: AnyActor, id: string, code: Code, events: readonly unknown[], given?: Given, cause?: Cause): Code {
    const version = versionOf(actor);
    const written = version === 1 ? {} : { version };
    const head = this.#state.actors.get(actor.name, id)?.open?.head;
    const follows = head === undefined ? {} : { previous: head };
    const command = given === undefined ? {} : { command: given };
    const record: ObjectRecord = { aggregate: actor.name, id, ...command, code, events, ...written, ...follows };
    const payload = pack(record);
    if (payload.byteLength > ACTOR_RECORD_BYTES_MAX) return "message_too_large";
    const sequence = this.#frame.nextSequence;
    addObjectRecord(this.#frame, payload, cause);
    this.#state.evolveObject(record, sequence, cause);
    return "ok";
  }

  #answerAgain(
    sequence: number,
    actor: AnyActor,
    sent: Required<Pick<ObjectCommand, "id" | "commandId" | "command" | "by">>,
    take: TakeAnswer,
  ): Code {
    const first = this.#records.object(sequence);
    if (first === undefined) return "id_reused";
    if (typeof first === "string") return first;
    const isSame =
      first.aggregate === actor.name &&
      first.id === sent.id &&
      Buffer.compare(pack([first.command?.body, first.command?.by]), pack([sent.command, sent.by])) === 0;
    if (!isSame) return "id_reused";
    if (first.code === "in_progress") return "in_progress";
    this.#answer(actor, sent.id, take, first.code, sequence);
    return "ok";
  }

  #answer(actor: AnyActor, id: string, take: TakeAnswer, code: Code, firstSequence = 0): void {
    const sequence = firstSequence === 0 ? this.#frame.nextSequence - 1 : firstSequence;
    const row = code === "ok" ? this.#state.actors.get(actor.name, id) : undefined;
    take({ code, replayed: firstSequence !== 0, sequence, row });
  }
}

/** What has happened to an actor with the end of its steps. */
function conclude(
  actor: AnyActor,
  state: unknown,
  { command, sender }: Pick<OpenSaga, "command" | "sender">,
  { saga, ended = "ok", askIds, answer }: SagaRun,
): readonly AnyCommand[] {
  const said = answer === undefined ? {} : { answer };
  return actor.conclude(state, { command, saga, sender, code: ended, askIds, ...said });
}

/** What is asked, about the hold that an earlier step has placed where it says so. */
function withHold({ id, ask: { holdOf, ...ask } }: Asked, askIds: readonly string[]): Asked {
  return { id, ask: holdOf === undefined ? ask : { ...ask, holdId: askIds[holdOf] } };
}

function refused(code: Code): ActorAnswer {
  return { code, replayed: false, sequence: 0, row: undefined };
}

/** An actor as its readers see it, with the long fields of its state where it is asked for as a whole. */
export function viewActor(row: ActorRow, isWhole = false): Readonly<Record<string, unknown>> {
  const { id, version } = row;
  return { id, version, ...viewState(row, isWhole) };
}

/** The same without its id and version. */
export function viewState({ type, state, open }: ActorRow, isWhole = false): Readonly<Record<string, unknown>> {
  const view: Record<string, unknown> = { ...(state as Readonly<Record<string, unknown>>) };
  if (!isWhole) for (const field of actorOf(type)?.longFields ?? []) delete view[field];
  if (open !== undefined) view.running = open.saga.type;
  return view;
}

/** The actor of an id, if somebody may see it. */
export function readActor(state: ShardState, actor: AnyActor, id: string, sender: Sender): ActorRow | Refusal {
  const row = state.actors.get(actor.name, id);
  if (row === undefined) return actor.notFound;
  return actor.mayRead(row.state, sender) ? row : "forbidden";
}
