/** Kafka has not answered for some time. */
export class KafkaUnreachableError extends Error {
  constructor(reason: string) {
    super(`Kafka cannot be reached: ${reason}`);
  }
}

/** Whether an error comes from Kafka or from the way to it, so that the same may succeed later. */
export function isUnreachable(error: unknown): boolean {
  if (error instanceof KafkaUnreachableError) return true;
  return error instanceof Error && (error.name.startsWith("KafkaJS") || isUnreachable(error.cause));
}
