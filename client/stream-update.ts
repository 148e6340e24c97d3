/** What every step of a stream says, whatever it is a stream of. */
export interface StreamUpdate {
  /** What it is of. */
  readonly walletId?: string;
  readonly actorId?: string;
  readonly version: number;
  /** The version that the step begins at; one less than its own where absent. */
  readonly previousVersion?: number;
  readonly kind: "state" | "change";
  readonly reset: boolean;
  readonly conflated: boolean;
}

/** Names what a step is of, within its subscription. */
export function subjectOf({ walletId, actorId }: StreamUpdate): string {
  return walletId ?? actorId ?? "";
}
