/** What a provider has sent, of which nothing is known yet. */
export type Json = Readonly<Record<string, unknown>>;

/** The JSON object in a body; undefined where it is none. */
export function jsonOf(body: Uint8Array): Json | undefined {
  try {
    return objectOf(JSON.parse(Buffer.from(body).toString()));
  } catch {
    return undefined;
  }
}

export function objectOf(value: unknown): Json | undefined {
  return typeof value === "object" && value !== null ? (value as Json) : undefined;
}

/** An id or name, which some write as a number. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "" ? value : undefined;
}
