/** How far the transfer of a snapshot from the leader has come. */
export interface SeedProgress {
  /** Who gives it out. */
  readonly from: string;
  /** Of snapshots and sealed ids. */
  readonly bytes: number;
  readonly bytesTotal: number;
  /** Of the journal that goes with them. */
  readonly records: number;
  readonly recordsTotal: number;
}
