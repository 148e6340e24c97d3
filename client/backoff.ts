/**
 * The pause before an attempt: doubles from `minMs` to `maxMs`, and is shortened by up to a half at random so that
 * many clients do not come back at the same moment.
 *
 * **Units**: milliseconds; `attempt` counts from 0.
 */
export function backoffMs(attempt: number, minMs: number, maxMs: number): number {
  const fullMs = Math.min(maxMs, minMs * 2 ** Math.min(attempt, 30));
  return fullMs * (0.5 + Math.random() / 2);
}
