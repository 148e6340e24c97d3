/** Rows of ids as they were at one moment. */
export interface IdRows {
  readonly isByTime: boolean;
  /** When the first of them came, of ids by arrival. */
  readonly startedMs: number;
  readonly rows: Uint32Array;
}
