/** No less than what a value takes as MessagePack, at the price of a look at each of its parts. **Units**: bytes. */
export function packedBytesMax(value: unknown): number {
  // A character of UTF-16 has at most three bytes of UTF-8.
  if (typeof value === "string") return 5 + 3 * value.length;
  if (typeof value !== "object" || value === null) return 9;
  let bytes = 5;
  if (Array.isArray(value)) {
    for (const item of value) bytes += packedBytesMax(item);
    return bytes;
  }
  for (const name in value) bytes += 5 + 3 * name.length + packedBytesMax((value as Record<string, unknown>)[name]);
  return bytes;
}
