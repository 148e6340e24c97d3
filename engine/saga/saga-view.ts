import type { SagaView } from "../actor/actor-row.ts";
import type { Saga } from "./saga.ts";

/** A saga of an actor, as an operator sees it. */
export function viewSaga(actor: string, actorId: string, saga: Saga): SagaView {
  const { id, type, status, isParked, at, steps, failures, failure, startedAtMs, retryAtMs } = saga;
  return {
    id,
    actor,
    actorId,
    type,
    status,
    isParked,
    step: at,
    steps: steps.map(({ ask }) => ask.operation),
    failures,
    ...(failure === undefined ? {} : { failure }),
    startedAtMs,
    ...(retryAtMs === undefined ? {} : { retryAtMs }),
  };
}
