/** What a scrape of the metrics says. */

/** Metrics of one name. */
export interface ScrapedFamily {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  /** Those that its samples carry, without `le` and `quantile`. */
  readonly labels: readonly string[];
}

/** Asks a ledger for its metrics in the text format. */
export async function scrape(url: string, key: string): Promise<string> {
  const response = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${key}` } });
  if (!response.ok) throw new Error(`the metrics were refused: ${response.status}`);
  return response.text();
}

/** Reads the families of a scrape. */
export function familiesOf(text: string): ReadonlyMap<string, ScrapedFamily> {
  const families = new Map<string, { name: string; type: string; help: string; labels: string[] }>();
  for (const line of text.split("\n")) {
    const [, kind, name, rest] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (kind === "HELP") families.set(name, { name, type: "", help: rest, labels: [] });
    const family = families.get(name ?? "");
    if (kind === "TYPE" && family !== undefined) family.type = rest;
    const [, sample, labels] = /^(\w+)(?:\{(.*)\})? /.exec(line) ?? [];
    if (sample === undefined) continue;
    const owner = families.get(sample) ?? families.get(sample.replace(/_(?:bucket|sum|count)$/, ""));
    for (const [, label] of (labels ?? "").matchAll(/(\w+)="/g)) {
      if (label === "le" || label === "quantile" || owner?.labels.includes(label) !== false) continue;
      owner.labels.push(label);
    }
  }
  return families;
}
