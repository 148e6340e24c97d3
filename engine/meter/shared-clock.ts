const LOOKS = 16;

/** How far this thread's own clock is from the one that all threads share; found once, since reading that one allocates. */
const OFFSET_MS = ((): number => {
  let offsetMs = 0;
  let closestMs = Number.POSITIVE_INFINITY;
  // A thread that loses its core between the two clocks would be off by as much: the closest pair counts.
  for (let look = 0; look < LOOKS; look += 1) {
    const beforeMs = performance.now();
    const sharedMs = Number(process.hrtime.bigint()) / 1e6;
    const apartMs = performance.now() - beforeMs;
    if (apartMs >= closestMs) continue;
    closestMs = apartMs;
    offsetMs = sharedMs - beforeMs - apartMs / 2;
  }
  return offsetMs;
})();

/** Time on a monotonic clock that is the same in every thread of the process. **Units**: milliseconds. */
export function sharedClockMs(): number {
  return performance.now() + OFFSET_MS;
}
