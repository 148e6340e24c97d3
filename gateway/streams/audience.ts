/**
 * Whom a change is told now: readers that get it once it is durable here, those that wait until the log has confirmed it,
 * or both.
 *
 * **Shape**: bits.
 */
export const AUDIENCE = { prompt: 1, patient: 2, everybody: 3 } as const;
export type Audience = (typeof AUDIENCE)[keyof typeof AUDIENCE];
