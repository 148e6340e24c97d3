import { CODES, type Code } from "../protocol/codes.ts";
import { MizanError } from "./errors.ts";
import { IN_PROGRESS_PAUSE_MS } from "./limits.ts";
import type { Nodes } from "./nodes.ts";
import { type Found, rejection } from "./results.ts";
import { authorizationOf, type Endpoint } from "./socket.ts";

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
 * Asks over REST; `mark` is a field that every good answer has. Asked again until the timeout, under the same key, where
 * another node leads, the log has not confirmed it, or one of several nodes cannot be reached.
 *
 * **Errors**: MizanError `unreachable` or `timeout` where no answer came.
 */
export async function restCall<T>(
  endpoint: Endpoint,
  nodes: Nodes,
  call: RestCall,
  mark: keyof T & string,
): Promise<Found<T>> {
  const deadlineMs = performance.now() + call.timeoutMs;
  for (;;) {
    const leftMs = deadlineMs - performance.now();
    let answer: unknown;
    try {
      answer = await ask(endpoint, nodes.url, call, leftMs);
    } catch (cause) {
      const isTimeout = cause instanceof Error && cause.name === "TimeoutError";
      if (isTimeout || nodes.count === 1 || leftMs < IN_PROGRESS_PAUSE_MS) {
        throw new MizanError(isTimeout ? "timeout" : "unreachable", `no answer from ${call.path}: ${String(cause)}`, {
          cause,
        });
      }
      nodes.next();
      await pause();
      continue;
    }
    if (typeof answer === "object" && answer !== null && mark in answer) return { ok: true, ...(answer as T) };
    const { code, leader } = refusalOf(answer);
    if (!isRejection(code)) throw new MizanError("protocol_violation", `the server sent no ${mark} for ${call.path}`);
    const isWorthMore = (code === "not_leader" || code === "replication_pending") && leftMs > IN_PROGRESS_PAUSE_MS;
    if (!isWorthMore) return rejection(code);
    if (code === "not_leader") nodes.redirect(leader);
    await pause();
  }
}

async function ask(endpoint: Endpoint, node: string, call: RestCall, timeoutMs: number): Promise<unknown> {
  const response = await fetch(`${node}${call.path}`, {
    method: call.method ?? "GET",
    headers: {
      ...authorizationOf(endpoint),
      ...(endpoint.acks === "replicated" ? { "mizan-acks": "replicated" } : {}),
      ...(call.commandId === undefined ? {} : { "idempotency-key": call.commandId }),
      ...(call.body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
    signal: AbortSignal.timeout(Math.max(1, Math.ceil(timeoutMs))),
  });
  return response.json();
}

function refusalOf(answer: unknown): { readonly code: string; readonly leader: string | undefined } {
  if (typeof answer !== "object" || answer === null || !("code" in answer)) return { code: "", leader: undefined };
  const leader = "leader" in answer && typeof answer.leader === "string" ? answer.leader : undefined;
  return { code: String(answer.code), leader };
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, IN_PROGRESS_PAUSE_MS));
}

function isRejection(code: string): code is Exclude<Code, "ok"> {
  return code !== "ok" && Object.hasOwn(CODES, code);
}
