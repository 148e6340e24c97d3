/** What a probe at one rate found. */
export interface Probe {
  readonly ratePerSecond: number;
  readonly holds: boolean;
  /** Why it does not hold, or what is doubtful about it. */
  readonly reason: string;
}

export interface CapacityBounds {
  readonly fromRate: number;
  readonly rateMax: number;
  /** The search ends when the highest rate that holds and the lowest that does not are this close, as a share. */
  readonly precision: number;
  readonly probesMax: number;
}

export interface Capacity {
  /** Zero where not even the lowest rate tried holds. */
  readonly ratePerSecond: number;
  /** Whether a higher rate was seen not to hold; else the search ended at a bound. */
  readonly isBounded: boolean;
  readonly probes: readonly Probe[];
}

/**
 * Finds the highest rate that holds: doubles until one does not, then halves the gap.
 *
 * A noisy machine may fail a rate that it can hold, so one that fails is tried once more before it counts.
 */
export async function searchCapacity(
  probe: (ratePerSecond: number) => Promise<Probe>,
  { fromRate, rateMax, precision, probesMax }: CapacityBounds,
): Promise<Capacity> {
  const probes: Probe[] = [];
  const holdsAt = async (ratePerSecond: number): Promise<boolean> => {
    for (let attempt = 0; attempt < 2 && probes.length < probesMax; attempt += 1) {
      const found = await probe(ratePerSecond);
      probes.push(found);
      if (found.holds) return true;
    }
    return false;
  };
  let low = 0;
  let high = Number.POSITIVE_INFINITY;
  let rate = Math.min(fromRate, rateMax);
  while (probes.length < probesMax) {
    if (await holdsAt(rate)) low = rate;
    else high = rate;
    if (low >= rateMax || (high !== Number.POSITIVE_INFINITY && high - low <= precision * high)) break;
    const next =
      high === Number.POSITIVE_INFINITY ? Math.min(2 * low, rateMax) : low === 0 ? high / 2 : (low + high) / 2;
    if (next < 1) break;
    rate = next;
  }
  return { ratePerSecond: low, isBounded: high !== Number.POSITIVE_INFINITY, probes };
}
