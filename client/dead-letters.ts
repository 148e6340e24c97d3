import type { IHeaders, KafkaMessage, Producer } from "kafkajs";
import { headerText } from "./event.ts";

/** What a dead letter says about why it is one, beside the headers that it came with. */
export const DEAD_LETTER_HEADER = {
  reason: "mizan-dlq-reason",
  topic: "mizan-dlq-topic",
  partition: "mizan-dlq-partition",
  offset: "mizan-dlq-offset",
  attempts: "mizan-dlq-attempts",
  time: "mizan-dlq-time",
} as const;

const REASON_CHARACTERS_MAX = 1_000;

/** The topic to which a record goes that could not be handled. */
export function deadLetterTopic(topic: string): string {
  return `${topic}.dlq`;
}

/** Where a record was read. */
export interface RecordPlace {
  readonly topic: string;
  readonly partition: number;
  readonly message: KafkaMessage;
}

/**
 * Puts a record aside, with the reason in its headers; resolves when the broker has it.
 *
 * A dead letter that fails once more keeps saying where it came from first, and counts all attempts.
 */
export async function putAside(
  producer: Producer,
  { topic, partition, message }: RecordPlace,
  reason: string,
  attempts: number,
): Promise<void> {
  const before = message.headers;
  const origin = headerText(before, DEAD_LETTER_HEADER.topic);
  const place: IHeaders =
    origin === undefined
      ? {
          [DEAD_LETTER_HEADER.topic]: topic,
          [DEAD_LETTER_HEADER.partition]: String(partition),
          [DEAD_LETTER_HEADER.offset]: message.offset,
        }
      : {};
  const attemptsBefore = Number(headerText(before, DEAD_LETTER_HEADER.attempts) ?? 0);
  await producer.send({
    topic: deadLetterTopic(origin ?? topic),
    messages: [
      {
        key: message.key,
        value: message.value,
        headers: {
          ...before,
          ...place,
          [DEAD_LETTER_HEADER.reason]: reason.slice(0, REASON_CHARACTERS_MAX),
          [DEAD_LETTER_HEADER.attempts]: String(attemptsBefore + attempts),
          [DEAD_LETTER_HEADER.time]: new Date().toISOString(),
        },
      },
    ],
  });
}
