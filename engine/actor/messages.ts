import type { Code } from "../../protocol/codes.ts";
import type { WalletAsk } from "../saga/saga.ts";

/** From the shard of an actor to that of a wallet, as soon as what it follows from is durable, and again after a crash. */
export interface AskRequest {
  readonly actor: string;
  readonly actorId: string;
  /** The id of the command that the wallet is to take. */
  readonly id: string;
  readonly ask: WalletAsk;
}

/** From the shard of the wallet back, as soon as its decision is durable. */
export interface AskAnswer {
  readonly actor: string;
  readonly actorId: string;
  readonly id: string;
  readonly code: Code;
  /** Of a record of the wallet's shard: the step's own records stand at it or before it. */
  readonly sequence: number;
  /** The wallet's at that record. */
  readonly version: number;
  readonly amountMinor: number;
}

/** What a wallet said to a step. */
export interface StepAnswer extends Pick<AskAnswer, "code" | "sequence" | "version" | "amountMinor"> {
  /** The wallet's. */
  readonly shard: number;
}
