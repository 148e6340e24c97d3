/** How several values become one. */
export type Merge = "mean" | "max";

/** Values side by side, each at its place on the x axis; null where there is none. */
export interface Row {
  readonly name: string;
  readonly values: readonly (number | null)[];
  readonly merge: Merge;
}

/** Joins neighbours so that no more than so many places are left; the places are those of the first ones. */
export function mergeSlots(
  places: readonly number[],
  rows: readonly Row[],
  slotsMax: number,
): { readonly size: number; readonly places: readonly number[]; readonly rows: readonly Row[] } {
  const size = Math.max(1, Math.ceil(places.length / slotsMax));
  if (size === 1) return { size, places, rows };
  const firsts = places.filter((_, at) => at % size === 0);
  const merged = rows.map((row) => ({
    ...row,
    values: firsts.map((_, slot) => mergeValues(row.values.slice(slot * size, (slot + 1) * size), row.merge)),
  }));
  return { size, places: firsts, rows: merged };
}

function mergeValues(values: readonly (number | null)[], merge: Merge): number | null {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return null;
  return merge === "max" ? Math.max(...known) : known.reduce((sum, value) => sum + value, 0) / known.length;
}
