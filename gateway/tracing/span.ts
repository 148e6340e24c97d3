/** A span that has ended, as it goes to the thread that sends spans. */
export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  /** Whether the parent is the sender's and not one of this ledger. */
  readonly isParentRemote: boolean;
  readonly traceState: string | undefined;
  readonly name: string;
  readonly kind: "server" | "internal" | "producer";
  /** On the clock that all threads share. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  /** Whether it failed for a reason of the ledger's own; refusals are answers like any other. */
  readonly hasFailed: boolean;
}
