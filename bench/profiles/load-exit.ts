/** What the exit code of a load says; 0 to 2 and 130 as for every command of Mizan. */
export const LOAD_EXIT = { ok: 0, failed: 1, usage: 2, booksDisagree: 4, interrupted: 130 } as const;
