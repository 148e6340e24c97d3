/** What a command's exit code says; the same for every command. */
export const EXIT = {
  /** Done, and nothing is wrong. */
  ok: 0,
  /** Problems were found, or the work could not be done. */
  problems: 1,
  /** The command line, a setting or a given file is wrong; nothing was done. */
  usage: 2,
  /** Another process uses the data directory, or it is running when it must not be. */
  inUse: 3,
  /** Stopped by a signal. */
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
