import { codeName } from "../../protocol/codes.ts";
import { uuidBytes } from "../../protocol/ids.ts";
import type { AskAnswer, AskRequest } from "../actor/messages.ts";
import type { FrameBuilder } from "../journal/frame.ts";
import type { Cause } from "../object/cause.ts";
import { ASKED, addObjectRecord, pack } from "../object/object-record.ts";
import { askRecord } from "../saga/ask-record.ts";
import type { CommandExecutor } from "./command-executor.ts";

const NOBODY = new Uint32Array(4);

/**
 * Executes what actors ask of the wallets of this shard, as commands of clients are: the same checks, the same records, and the
 * same answer to an id that comes again.
 */
export class AskDesk {
  readonly #shard: number;
  readonly #frame: FrameBuilder;
  readonly #executor: CommandExecutor;
  readonly #answer: (toShard: number, answer: AskAnswer) => void;

  constructor(
    shard: number,
    frame: FrameBuilder,
    executor: CommandExecutor,
    answer: (toShard: number, answer: AskAnswer) => void,
  ) {
    this.#shard = shard;
    this.#frame = frame;
    this.#executor = executor;
    this.#answer = answer;
  }

  /** The frame has room for the largest command and this. **Units**: bytes. */
  static readonly recordBytesMax = 128;

  take({ actor, actorId, id, ask }: AskRequest, cause: Cause): void {
    // Whatever comes of it, in this frame or a later one, counts only where the actor's record does.
    if (cause.shard !== this.#shard) {
      addObjectRecord(this.#frame, pack({ aggregate: ASKED, id, code: "ok", events: [] }), cause);
    }
    const executor = this.#executor;
    const record = askRecord(id, ask, actorId);
    const answer = (code: number): void => this.#answer(cause.shard, { actor, actorId, id, code: codeName(code) });
    const ownerId = ask.forOwnerId === null ? NOBODY : new Uint32Array(uuidBytes(ask.forOwnerId).buffer);
    executor.principal.assume(ask.forOwnerId === null, ownerId);
    executor.timeOrderedIds = false;
    executor.answerTo = answer;
    const code = executor.execute(new Uint32Array(record.buffer), record, 0, record.byteLength);
    executor.answerTo = undefined;
    if (!executor.outcome.deferred) answer(code);
  }
}
