/** Something that is wrong in a data directory. */
export interface Problem {
  /** `shard:sequence`, where one is known. */
  readonly position?: string;
  readonly file?: string;
  readonly problem: string;
}
