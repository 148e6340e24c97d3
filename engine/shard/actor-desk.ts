import { CODES, type Code, codeName, type Refusal } from "../../protocol/codes.ts";
import { isUuid, shardOfUuid, uuidBytes } from "../../protocol/ids.ts";
import type { ActorSettings, Sender } from "../actor/actor.ts";
import type { ActorRow, OpenSaga } from "../actor/actor-row.ts";
import { LEDGER_SENDER } from "../actor/evolve-actor.ts";
import type { AskAnswer, AskRequest, StepAnswer } from "../actor/messages.ts";
import { type AnyActor, actorOf } from "../actor/registry.ts";
import type { FrameBuilder } from "../journal/frame.ts";
import type { Cause } from "../object/cause.ts";
import { addObjectRecord, type ObjectRecord, pack } from "../object/object-record.ts";
import { answerSaga, askOf, beginSaga, compensateSaga, retrySaga, type SagaMove, unparkSaga } from "../saga/saga.ts";
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

type TakeAnswer = (answer: ActorAnswer) => void;

export interface ActorDeskHooks {
  readonly settings: ActorSettings;
  /** Sends a message to the shard of a wallet, once everything decided so far is durable. */
  readonly ask: (toShard: number, message: AskRequest) => void;
  /** Commits where the frame has no room for a record of the largest length. */
  readonly makeRoom: () => void;
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
    if ("steps" in decision) {
      const events = [...(decision.events ?? []), beginSaga(commandId, command.type, decision.steps, nowMs)];
      const code = this.#record(actor, id, "in_progress", events, { command: given });
      if (code !== "ok") return code;
      this.#waiters.set(commandId, take);
      this.#ask(actor, id);
      return "ok";
    }
    const events = decision.code === "ok" ? decision.events : [];
    const code = this.#record(actor, id, decision.code, events, { command: given });
    if (code === "ok") this.#answer(actor, id, take, decision.code);
    return code;
  }

  /** Takes the answer of a wallet. */
  answered({ actor: name, actorId, id, code, ...rest }: AskAnswer, cause: Cause): void {
    const actor = actorOf(name);
    const open = this.#state.actors.get(name, actorId)?.open;
    if (actor === undefined || open === undefined) return;
    const move = answerSaga(open.saga, id, code, this.#frame.clockMs);
    this.#move(actor, actorId, open, move, { cause, answer: { code, ...rest, shard: cause.shard } });
  }

  /** Does what the next actor is due for; false where none is. */
  runNextDue(): boolean {
    const nowMs = this.#frame.clockMs;
    const row = this.#state.actors.firstDue(nowMs);
    const actor = row === undefined ? undefined : actorOf(row.type);
    if (row === undefined || actor === undefined) return false;
    const { id, open } = row;
    if (open !== undefined) {
      this.#move(actor, id, open, retrySaga(open.saga, nowMs));
      return true;
    }
    const decision = actor.decide(row.state, actor.dueCommand, {
      id,
      sender: LEDGER_SENDER,
      nowMs,
      settings: this.#hooks.settings,
    });
    if (decision.code !== "ok") throw new Error(`${actor.name} ${id} is due and refuses: ${decision.code}`);
    if (!("steps" in decision)) {
      this.#record(actor, id, "ok", decision.events);
      return true;
    }
    const sagaId = timedIdOf(nowMs, `${actor.name}\0${id}\0${row.version}`);
    const begun = beginSaga(sagaId, actor.dueCommand.type, decision.steps, nowMs);
    this.#record(actor, id, "in_progress", [...(decision.events ?? []), begun]);
    this.#ask(actor, id);
    return true;
  }

  /** An operator has a parked saga try again, or take back what it did. */
  release(sagaId: string, isTakenBack: boolean, reason: string): Code {
    const row = this.#state.actors.open().find(({ open }) => open.saga.id === sagaId);
    const actor = row === undefined ? undefined : actorOf(row.type);
    if (row === undefined || actor === undefined) return "saga_not_found";
    const nowMs = this.#frame.clockMs;
    const { saga } = row.open;
    const move = isTakenBack ? compensateSaga(saga, reason, nowMs) : unparkSaga(saga, reason, nowMs);
    if (typeof move === "string") return move;
    this.#move(actor, row.id, row.open, move);
    return "ok";
  }

  /** After recovery: asks again for everything that is awaited. */
  resume(): void {
    for (const { type, id } of this.#state.actors.open()) {
      const actor = actorOf(type);
      if (actor !== undefined) this.#ask(actor, id);
    }
  }

  #move(
    actor: AnyActor,
    id: string,
    open: OpenSaga,
    { events, ended }: SagaMove,
    { cause, answer }: { readonly cause?: Cause; readonly answer?: StepAnswer } = {},
  ): void {
    if (events.length === 0) return;
    const row = this.#state.actors.get(actor.name, id) as ActorRow;
    const { saga, command, sender, isOwn } = open;
    const take = this.#waiters.get(saga.id);
    if (ended === undefined) {
      this.#record(actor, id, "in_progress", events, {}, cause);
      this.#ask(actor, id);
      // Whoever waits hears that it takes longer, and may ask again.
      const isHeld = askOf((this.#state.actors.get(actor.name, id) as Required<ActorRow>).open.saga) === undefined;
      if (!isHeld || take === undefined) return;
      this.#waiters.delete(saga.id);
      take(refused("in_progress"));
      return;
    }
    const last = askOf(saga);
    const askIds = last === undefined || ended !== "ok" ? open.askIds : [...open.askIds, last.id];
    const end = { command, saga, sender, code: ended, askIds, ...(answer === undefined ? {} : { answer }) };
    const concluded = actor.conclude(row.state, end);
    const given = isOwn ? {} : { command: { id: saga.id, body: command, by: sender } };
    this.#record(actor, id, ended, [...events, ...concluded], given, cause);
    this.#waiters.delete(saga.id);
    if (take !== undefined) this.#answer(actor, id, take, ended);
  }

  /** Journals and applies events. **Errors**: `message_too_large`, with nothing changed. */
  #record(
    actor: AnyActor,
    id: string,
    code: Code,
    events: readonly unknown[],
    given: Pick<ObjectRecord, "command"> = {},
    cause?: Cause,
  ): Code {
    const version = actor.upcasts.length + 1;
    const written = version === 1 ? {} : { version };
    const head = this.#state.actors.get(actor.name, id)?.open?.head;
    const follows = head === undefined ? {} : { previous: head };
    const record: ObjectRecord = { aggregate: actor.name, id, ...given, code, events, ...written, ...follows };
    const payload = pack(record);
    if (payload.byteLength > ACTOR_RECORD_BYTES_MAX) return "message_too_large";
    this.#hooks.makeRoom();
    const sequence = this.#frame.nextSequence;
    addObjectRecord(this.#frame, payload, cause);
    this.#state.evolveObject(record, sequence);
    return "ok";
  }

  /** Asks for what the actor waits for, if it does. */
  #ask(actor: AnyActor, id: string): void {
    const open = this.#state.actors.get(actor.name, id)?.open;
    const asked = open === undefined ? undefined : askOf(open.saga);
    if (open === undefined || asked === undefined) return;
    const { holdOf, ...rest } = asked.ask;
    const ask = holdOf === undefined ? rest : { ...rest, holdId: open.askIds[holdOf] };
    const toShard = shardOfUuid(ask.walletId, this.#executor.shardCount);
    this.#hooks.ask(toShard, { actor: actor.name, actorId: id, id: asked.id, ask });
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
