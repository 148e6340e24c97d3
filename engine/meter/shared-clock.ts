/** How far this thread's own clock is from the one that all threads share; read once, since reading that one allocates. */
const OFFSET_MS = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/** Time on a monotonic clock that is the same in every thread of the process. **Units**: milliseconds. */
export function sharedClockMs(): number {
  return performance.now() + OFFSET_MS;
}
