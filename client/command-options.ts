/** What every command may carry. Ids are UUID text. */
export interface CommandOptions {
  /** Names the command for ever: sent again under the same id, it is answered again and not applied again. A UUIDv7; made where left out. */
  readonly commandId?: string;
  /** Refuses the command with `version_conflict` unless the wallet debited or changed has this version. */
  readonly expectedVersion?: number;
  /** The caller's own 128-bit reference, kept with the movement. */
  readonly reference?: string;
  /** JSON kept with the movement, at most 1,024 bytes. */
  readonly metadata?: Readonly<Record<string, unknown>>;
}
