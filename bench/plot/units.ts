/** A quantity on an axis: how large numbers of it are shortened, and what stands behind them. */
export interface Unit {
  /** Divisors with their suffixes, the smallest first; the first one serves for zero, too. */
  readonly steps: readonly (readonly [divisor: number, suffix: string])[];
}

const KIB = 1_024;

export const COUNT: Unit = {
  steps: [
    [1, ""],
    [1e3, " k"],
    [1e6, " M"],
    [1e9, " G"],
  ],
};
export const BYTES: Unit = {
  steps: [
    [1, " B"],
    [KIB, " KiB"],
    [KIB ** 2, " MiB"],
    [KIB ** 3, " GiB"],
    [KIB ** 4, " TiB"],
  ],
};
export const MILLISECONDS: Unit = {
  steps: [
    [1e-3, " µs"],
    [1, " ms"],
    [1e3, " s"],
    [6e4, " min"],
  ],
};
export const SECONDS: Unit = { steps: MILLISECONDS.steps.map(([divisor, suffix]) => [divisor / 1e3, suffix]) };
export const CORES: Unit = { steps: [[1, ""]] };
export const PERCENT: Unit = { steps: [[0.01, " %"]] };

/** The same quantity in each second. */
export function perSecond(unit: Unit): Unit {
  return { steps: unit.steps.map(([divisor, suffix]) => [divisor, `${suffix}/s`]) };
}

/** The divisor and the suffix with which numbers up to this one are best read. */
export function stepFor({ steps }: Unit, largest: number): readonly [divisor: number, suffix: string] {
  return steps.findLast(([divisor]) => Math.abs(largest) >= divisor) ?? steps[0];
}

/** A number with its unit, to three digits; `–` where there is none. */
export function formatIn(unit: Unit, value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const [divisor, suffix] = stepFor(unit, value);
  return `${shortNumber(value / divisor)}${suffix}`;
}

/** Three digits, or all of those before the point. */
export function shortNumber(value: number): string {
  const isLarge = Math.abs(value) >= 100;
  const rounded = isLarge ? Math.round(value) : Number(value.toPrecision(3));
  return rounded.toLocaleString("en-US", { maximumFractionDigits: 12 });
}

/** A time since the start, in the form that its length asks for. */
export function formatClock(seconds: number, longestSeconds: number): string {
  if (longestSeconds < 120) return `${shortNumber(seconds)} s`;
  const whole = Math.round(seconds);
  const two = (value: number): string => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3_600), Math.floor((whole % 3_600) / 60)];
  return longestSeconds < 3_600
    ? `${Math.floor(whole / 60)}:${two(whole % 60)} min`
    : `${hours}:${two(minutes)}${whole % 60 === 0 ? "" : `:${two(whole % 60)}`} h`;
}
