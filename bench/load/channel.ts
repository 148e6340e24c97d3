/** One connection of the generator. It knows a transport's bytes; the loop above it knows when to send. */
export interface Channel {
  /** By slot: when the message now in it was sent, or in an open loop was meant to be sent. */
  readonly sentAtMs: Float64Array;
  /** By how much the versions of wallets have grown with what was accepted, where it counts that. */
  readonly acceptedVersions?: number;
  /** Writes the message of a free slot, to be sent by the next `flush`. */
  stage(slot: number): void;
  flush(): void;
  close(): void;
}

/** What a channel tells the loop about each read from its socket. */
export interface AnswerSink {
  readBegins(): void;
  /** `reason` names the first rejection, or is empty. */
  answered(channel: Channel, slot: number, accepted: number, rejected: number, reason: string): void;
  readEnds(channel: Channel): void;
  /** The connection broke, or the server sent what it must not. */
  lost(error: Error): void;
}
