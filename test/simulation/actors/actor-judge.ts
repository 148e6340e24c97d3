import { openFrame } from "../../../engine/journal/frame.ts";
import { RECORD_KIND, recordBytes, recordKind } from "../../../engine/journal/record.ts";
import { type ObjectRecord, readObjectRecord } from "../../../engine/object/object-record.ts";
import type { ShardState } from "../../../engine/shard/shard-state.ts";
import type { Code } from "../../../protocol/codes.ts";
import { FRAME_HEADER_BYTES } from "../../../protocol/limits.ts";
import { require, Violation } from "../rules.ts";
import type { ActorModel, Happened, Steps, Told } from "./actor-model.ts";
import { newModels } from "./models.ts";

/**
 * Reads what the journals say of actors, and believes nothing else: each command must be answered as the model of its type says,
 * one at a time.
 */
export class ActorJudge {
  readonly models: ReadonlyMap<string, ActorModel> = new Map(newModels().map((model) => [model.type, model]));
  /** Actor → the command that wallets are asked for. */
  readonly #running = new Map<string, Told>();

  /** The model of a type that there is. */
  model(type: string): ActorModel {
    const model = this.models.get(type);
    if (model === undefined) throw new Error(`there is no model of ${type}`);
    return model;
  }

  take(shard: number, bytes: Uint8Array): void {
    const frame = openFrame(bytes.slice(), shard);
    if (typeof frame === "string") throw new Error(`a frame was written that cannot be read: ${frame}`);
    let at = FRAME_HEADER_BYTES >>> 2;
    for (let index = 0; index < frame.recordCount; index += 1) {
      if (recordKind(frame.lanes, at) === RECORD_KIND.ObjectChanged) {
        const record = readObjectRecord(frame.lanes, frame.bytes, at);
        const model = this.models.get(record.aggregate);
        if (model !== undefined) this.#record(model, record, frame.clockMs, `${shard}:${frame.firstSequence + index}`);
      }
      at += recordBytes(frame.lanes, at) >>> 2;
    }
  }

  /** Whether what a shard knows is what its journal says. */
  compare({ actors }: ShardState, isHere: (id: string) => boolean): void {
    for (const model of this.models.values()) {
      for (const id of model.ids()) {
        if (!isHere(id)) continue;
        const row = actors.get(model.type, id);
        agree(() => {
          if (row === undefined) throw new Error("it is not there");
          model.compare(id, row.state);
          if ((row.open !== undefined) !== this.#running.has(keyOf(model, id)))
            throw new Error("it waits, or does not");
        }, `${model.type} ${id}`);
      }
    }
  }

  /** Whether everything that was due has happened. */
  requireDone(nowMs: number): void {
    for (const model of this.models.values()) {
      for (const id of model.ids()) {
        require("asModelled", !model.isOverdue(id, nowMs), () =>
          `the time of ${model.type} ${id} is over, and nothing happened`);
      }
    }
  }

  #record(model: ActorModel, { id, command, code, events }: ObjectRecord, nowMs: number, position: string): void {
    const key = keyOf(model, id);
    const running = this.#running.get(key);
    const happened = events as readonly Happened[];
    const begun = happened.find(({ type }) => type === "SagaBegun");
    const ended = happened.find(({ type }) => type === "SagaEnded");
    if (running !== undefined) {
      require("oneAtATime", begun === undefined && (command === undefined || ended !== undefined), () =>
        `${position} begins something on ${key} while ${running.command.type} runs`);
      if (ended !== undefined) this.#end(model, { ...running, nowMs }, happened, position);
      return;
    }
    const body = (command?.body ?? {
      type: begun?.command ?? dueCommandIn(happened),
    }) as Told["command"];
    const found = command?.found === undefined ? {} : { found: command.found };
    const told: Told = { id, command: body, nowMs, ...found, ...(command === undefined ? { isOwn: true } : {}) };
    const expected = agree(() => model.decide(told), `${position}: ${body.type} on ${key}`);
    const said = begun === undefined ? code : "steps";
    require("asModelled", said === expected, () =>
      `${position}: ${body.type} on ${key} comes to ${said}, not ${expected}`);
    if (begun === undefined) {
      if (code === "ok") model.ended(told, code, happened);
      return;
    }
    this.#running.set(key, told);
    agree(() => model.begun(told, begun.steps as Steps), `${position}: ${body.type} on ${key}`);
    if (ended !== undefined) this.#end(model, told, happened, position);
  }

  #end(model: ActorModel, told: Told, happened: readonly Happened[], position: string): void {
    const key = keyOf(model, told.id);
    const code = happened.find(({ type }) => type === "SagaEnded")?.code as Code;
    this.#running.delete(key);
    agree(() => model.ended(told, code, happened), `${position}: ${told.command.type} on ${key}`);
  }
}

const DUE_COMMANDS: Readonly<Record<string, string>> = {
  PaymentExpired: "ExpirePayment",
  CardExpired: "ExpireCard",
  TopUpExpired: "ExpireTopUp",
};

/** What the ledger has sent by itself, by what came of it. */
function dueCommandIn(events: readonly Happened[]): string {
  return DUE_COMMANDS[events[0]?.type ?? ""] ?? "";
}

function keyOf({ type }: ActorModel, id: string): string {
  return `${type} ${id}`;
}

function agree<Result>(compare: () => Result, what: string): Result {
  try {
    return compare();
  } catch (error) {
    throw new Violation("asModelled", `${what}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
