/** Time on the machine's monotonic clock, the same in every thread and process of it. **Units**: milliseconds. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
