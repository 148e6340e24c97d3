/** Bounds of the limits on how many movements a window may hold. */

export const COUNT_MAX = 1_000_000;
export const WINDOW_MS_MIN = 1_000;
export const WINDOW_MS_MAX = 31 * 24 * 3_600_000;
