import { type Code, codeName } from "../../protocol/codes.ts";
import { isUuid, uuidBytes } from "../../protocol/ids.ts";
import { type ApiKeyCommand, apiKeyAggregate } from "../api-key/api-key.ts";
import type { FrameBuilder } from "../journal/frame.ts";
import { addObjectRecord, type ObjectRecord, pack } from "../object/object-record.ts";
import type { ObjectCommand, ObjectOutcome } from "../views.ts";
import type { CommandExecutor } from "./command-executor.ts";
import type { RecordReader } from "./record-reader.ts";
import type { ShardState } from "./shard-state.ts";

/** Executes the commands that integrators send to aggregates kept as objects. */
export class ObjectDesk {
  readonly #state: ShardState;
  readonly #frame: FrameBuilder;
  readonly #records: RecordReader;
  readonly #executor: CommandExecutor;

  constructor(state: ShardState, frame: FrameBuilder, records: RecordReader, executor: CommandExecutor) {
    this.#state = state;
    this.#frame = frame;
    this.#records = records;
    this.#executor = executor;
  }

  /** Decides, journals and applies a command; the same command id again gives the first answer. */
  execute(command: ObjectCommand): ObjectOutcome {
    if (command.aggregate !== apiKeyAggregate.name) return this.#outcome("unknown_operation");
    if (!isUuid(command.commandId) || !isUuid(command.id)) return this.#outcome("invalid_request");
    const known = this.#state.findText(command.commandId);
    if (known !== 0) return this.#answerAgain(known, command);
    const idCode = codeName(this.#executor.decideId(new Uint32Array(uuidBytes(command.commandId).buffer), 0, false));
    if (idCode !== "ok") return this.#outcome(idCode);
    const body = { ...command.command, id: command.id } as ApiKeyCommand;
    const decision = this.#state.apiKeys.decide(command.id, body, { nowMs: this.#frame.clockMs });
    if (decision.code === "unknown_operation") return this.#outcome(decision.code);
    const record: ObjectRecord = {
      aggregate: command.aggregate,
      id: command.id,
      command: { id: command.commandId, body: command.command },
      code: decision.code,
      events: decision.code === "ok" ? decision.events : [],
    };
    const sequence = this.#frame.nextSequence;
    addObjectRecord(this.#frame, pack(record));
    this.#state.evolveObject(record, sequence);
    return this.#outcome(decision.code, sequence, false, command.id);
  }

  #answerAgain(sequence: number, command: ObjectCommand): ObjectOutcome {
    const first = this.#records.object(sequence);
    if (first === undefined) return this.#outcome("id_reused");
    if (typeof first === "string") return this.#outcome(first);
    const isSame =
      first.aggregate === command.aggregate &&
      first.id === command.id &&
      Buffer.compare(pack(first.command?.body), pack(command.command)) === 0;
    return isSame ? this.#outcome(first.code, sequence, true, command.id) : this.#outcome("id_reused");
  }

  #outcome(code: Code, sequence = 0, replayed = false, id?: string): ObjectOutcome {
    const state = code === "ok" && id !== undefined ? (this.#state.apiKeys.get(id) ?? null) : null;
    return { code, replayed, shard: this.#state.shard, sequence, state: state === null ? null : { ...state } };
  }
}
