import type { Code } from "../../protocol/codes.ts";
import type { OpenSaga } from "../actor/actor-row.ts";
import type { StepAnswer } from "../actor/messages.ts";
import { type Asked, askOf, evolveSaga, type Saga, type SagaEvent, type SagaMove } from "./saga.ts";

/** How far a saga has come since its last record. */
export class SagaRun {
  /** The last state of it; where it has ended, the one before the end. */
  saga: Saga;
  /** What is to be asked now, if anything is. */
  asked: Asked | undefined;
  /** It is asked already, and its answer comes as a message. */
  isAsked = false;
  /** What has happened to the saga. */
  readonly events: SagaEvent[] = [];
  /** Its final code, where it has ended. */
  ended: Code | undefined;
  /** The ids under which steps were done, in their order. */
  askIds: readonly string[];

  /** What the wallet said that was asked last. */
  answer: StepAnswer | undefined;

  constructor({ saga, askIds }: Pick<OpenSaga, "saga" | "askIds">) {
    this.saga = saga;
    this.askIds = askIds;
    this.asked = askOf(saga);
  }

  /** Takes what a wallet's answer, a time or an operator has done to it. */
  take({ events, ended }: SagaMove, answer?: StepAnswer): void {
    this.answer = answer;
    for (const event of events) {
      this.events.push(event);
      const isDone = event.type === "SagaStepDone" || (event.type === "SagaEnded" && event.code === "ok");
      if (isDone && this.saga.status !== "REFUNDING" && this.asked !== undefined) {
        this.askIds = [...this.askIds, this.asked.id];
      }
      const after = evolveSaga(this.saga, event);
      if (after !== undefined) this.saga = after;
      this.asked = after === undefined ? undefined : askOf(after);
    }
    this.ended = ended;
  }
}
