/** A journal position as text. */
export function positionText(shard: number, sequence: number): string {
  return `${shard}:${sequence}`;
}
