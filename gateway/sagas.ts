/** Sagas over all shards: those that are open, one with all that happened to it, and what an operator says to one. */

import { pack } from "msgpackr";
import type { SagaStory } from "../engine/history/saga-story.ts";
import { REQUEST_KIND } from "../engine/port/entries.ts";
import type { OpenSagas, SagaFound, SagaRelease } from "../engine/views.ts";
import type { Code, Refusal } from "../protocol/codes.ts";
import { askAll, askShards } from "./actors.ts";
import type { Caller } from "./caller.ts";
import type { GatewayContext } from "./context.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { refusalOf } from "./history-queries.ts";

/** The sagas that have not ended, in the order of the shards, and how many there are of each type. For admins. */
export function listSagas(dispatcher: Dispatcher, caller: Caller, done: (sagas: OpenSagas | Refusal) => void): Code {
  const payload = pack({});
  return askAll(
    dispatcher,
    caller,
    REQUEST_KIND.ListSagas,
    () => payload,
    (views) => {
      if (typeof views === "string") {
        done(views);
        return;
      }
      const shards = views as readonly OpenSagas[];
      const countOf: Record<string, number> = {};
      for (const [type, count] of shards.flatMap((shard) => Object.entries(shard.countOf))) {
        countOf[type] = (countOf[type] ?? 0) + count;
      }
      done({ sagas: shards.flatMap(({ sagas }) => sagas), countOf });
    },
  );
}

/** The saga of a command, open or ended, as the journal tells it. For admins. */
export function findSaga(
  { dispatcher, engine, log }: GatewayContext,
  caller: Caller,
  id: string,
  done: (story: SagaStory | Refusal) => void,
): Code {
  const payload = pack(id);
  return askAll(
    dispatcher,
    caller,
    REQUEST_KIND.LookupSaga,
    () => payload,
    (answers) => {
      if (typeof answers === "string") {
        done(answers);
        return;
      }
      const found = answers as readonly SagaFound[];
      const { open } = found.find((one) => one.open !== undefined) ?? {};
      const shard = found.findIndex((one) => (open === undefined ? one.newest > 0 : one.open === open));
      const newest = found[shard]?.newest ?? 0;
      if (newest === 0) {
        done("saga_not_found");
        return;
      }
      const isAsked = engine.history.ask(shard, { type: "saga", id, newest }, (answer) => {
        if (answer.type !== "saga") done(refusalOf(log, answer));
        else if (answer.story === null) done("saga_not_found");
        else done({ ...answer.story, saga: open ?? answer.story.saga });
      });
      if (!isAsked) done("overloaded");
    },
  );
}

/** Has a parked saga try again, or take back what it did. For admins. */
export function releaseSaga(
  dispatcher: Dispatcher,
  caller: Caller,
  release: SagaRelease,
  done: (code: Code) => void,
): Code {
  const payload = pack(release);
  return askShards(
    dispatcher,
    caller,
    REQUEST_KIND.ReleaseSaga,
    () => payload,
    (answers) => done(answers.find(({ code }) => code !== "saga_not_found")?.code ?? "saga_not_found"),
  );
}
