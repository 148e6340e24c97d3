import { CODES, type Code } from "../protocol/codes.ts";
import { MizanError } from "./errors.ts";
import { type Found, rejection } from "./results.ts";
import { addressOf, authorizationOf, type Endpoint } from "./socket.ts";

/** What is asked over REST: rare questions, and what concerns every shard. */
export interface RestCall {
  readonly method?: "GET" | "PUT";
  readonly path: string;
  readonly timeoutMs: number;
  /** Sent as `Idempotency-Key`. */
  readonly commandId?: string;
  readonly body?: unknown;
}

/**
 * Asks over REST; `mark` is a field that every good answer has.
 *
 * **Errors**: MizanError `unreachable` or `timeout` where no answer came.
 */
export async function restCall<T>(endpoint: Endpoint, call: RestCall, mark: keyof T & string): Promise<Found<T>> {
  let answer: unknown;
  try {
    const response = await fetch(addressOf(endpoint, call.path), {
      method: call.method ?? "GET",
      headers: {
        ...authorizationOf(endpoint),
        ...(call.commandId === undefined ? {} : { "idempotency-key": call.commandId }),
        ...(call.body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      signal: AbortSignal.timeout(call.timeoutMs),
    });
    answer = await response.json();
  } catch (cause) {
    const isTimeout = cause instanceof Error && cause.name === "TimeoutError";
    throw new MizanError(isTimeout ? "timeout" : "unreachable", `no answer from ${call.path}: ${String(cause)}`, {
      cause,
    });
  }
  if (typeof answer === "object" && answer !== null && mark in answer) return { ok: true, ...(answer as T) };
  const code = typeof answer === "object" && answer !== null && "code" in answer ? String(answer.code) : "";
  if (!isRejection(code)) throw new MizanError("protocol_violation", `the server sent no ${mark} for ${call.path}`);
  return rejection(code);
}

function isRejection(code: string): code is Exclude<Code, "ok"> {
  return code !== "ok" && Object.hasOwn(CODES, code);
}
