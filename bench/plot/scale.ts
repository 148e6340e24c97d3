import { formatClock, formatIn, shortNumber, stepFor, type Unit } from "./units.ts";

interface Tick {
  /** From 0 at the beginning of the axis to 1 at its end. */
  readonly share: number;
  readonly label: string;
}

/** Where numbers lie on an axis. */
export interface Scale {
  readonly ticks: readonly Tick[];
  /** From 0 to 1; beyond the ends of the axis it is the end. */
  share(value: number): number;
}

const TICKS = 4;
const TIME_STEPS_SECONDS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400];
const TIME_TICKS_MAX = 8;
/** Up to how many powers of ten the steps between them are named, too. */
const DECADES_WITH_STEPS_MAX = 1.5;
/** Nines of a percentile axis that are named. */
const NAMED_PERCENTILES = ["0", "90", "99", "99.9", "99.99", "99.999", "99.9999"];

function clamp(share: number): number {
  return Math.min(1, Math.max(0, share));
}

/** From zero to at least the largest value, in round steps. */
export function linearScale(largest: number, unit: Unit): Scale {
  if (!(largest > 0)) return { ticks: [{ share: 0, label: "0" }], share: () => 0 };
  const [divisor, suffix] = stepFor(unit, largest);
  const step = roundStep(largest / divisor / TICKS);
  const steps = Math.ceil(largest / divisor / step - 1e-9);
  const ticks = Array.from({ length: steps + 1 }, (_, nth) => ({
    share: nth / steps,
    label: nth === 0 ? "0" : `${shortNumber(nth * step)}${suffix}`,
  }));
  return { ticks, share: (value) => clamp(value / (steps * step * divisor)) };
}

/** 1, 2 or 5 times a power of ten, no less than asked for. */
function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  const factor = [1, 2, 5, 10].find((candidate) => candidate * power >= least * (1 - 1e-9)) ?? 10;
  return factor * power;
}

/** Logarithmic, between values above zero, to the next 1, 2 or 5 times a power of ten on either side. */
export function logScale(least: number, largest: number, unit: Unit): Scale {
  const steps: number[] = [];
  for (let exponent = Math.floor(Math.log10(least)); exponent <= Math.ceil(Math.log10(largest)); exponent += 1) {
    for (const factor of [1, 2, 5]) steps.push(Number((factor * 10 ** exponent).toPrecision(1)));
  }
  const firstAbove = steps.findIndex((step) => step > least * (1 + 1e-9));
  const from = steps[Math.max(0, firstAbove - 1)];
  const to = steps.find((step) => step >= largest * (1 - 1e-9) && step > from) ?? from * 10;
  const decades = Math.log10(to / from);
  const isNamed = (step: number): boolean =>
    decades <= DECADES_WITH_STEPS_MAX || Number.isInteger(Number(Math.log10(step).toFixed(9)));
  const share = (value: number): number => clamp(Math.log10(Math.max(value, from) / from) / decades);
  const ticks = steps
    .filter((step) => step >= from && step <= to && isNamed(step))
    .map((step) => ({ share: share(step), label: formatIn(unit, step) }));
  return { ticks, share };
}

/** Time since the start. **Units**: seconds. */
export function timeScale(lengthSeconds: number): Scale {
  const length = lengthSeconds > 0 ? lengthSeconds : 1;
  const step =
    TIME_STEPS_SECONDS.find((candidate) => length / candidate <= TIME_TICKS_MAX) ?? roundStep(length / TIME_TICKS_MAX);
  const ticks = Array.from({ length: Math.floor(length / step + 1e-9) + 1 }, (_, nth) => ({
    share: (nth * step) / length,
    label: formatClock(nth * step, length),
  }));
  return { ticks, share: (seconds) => clamp(seconds / length) };
}

/** Percentiles of so many values, by the logarithm of 1 / (1 − p): each nine is as wide as the one before. */
export function percentileScale(values: number): Scale {
  const nines = Math.max(1, Math.log10(values));
  const ninesOf = (percentile: number): number => (percentile >= 100 ? nines : -Math.log10(1 - percentile / 100));
  const share = (percentile: number): number => clamp(ninesOf(percentile) / nines);
  const ticks = NAMED_PERCENTILES.filter((_, nth) => nth <= nines).map((name, nth) => ({
    share: nth / nines,
    label: `${name} %`,
  }));
  return { ticks, share };
}
