import { CODES, type Code } from "../protocol/codes.ts";
import { MizanError } from "./errors.ts";
import { type Found, rejection } from "./results.ts";
import { addressOf, authorizationOf, type Endpoint } from "./socket.ts";

/** Books in one currency. Sums are decimal strings, since they may exceed 2^53. */
interface Books {
  readonly currency: string;
  /** The sum over every account: zero, or the books are broken. */
  readonly sumMinor: string;
  readonly walletsMinor: string;
  readonly fundingMinor: string;
  readonly payoutMinor: string;
  readonly feesMinor: string;
  readonly transitMinor: string;
  readonly liquidityMinor: string;
  readonly wallets: number;
}

export interface TrialBalance {
  /** Where in its journal each shard stood. */
  readonly shards: readonly { readonly shard: number; readonly position: string; readonly openTransfers: number }[];
  /** Per shard and currency. */
  readonly lines: readonly (Books & { readonly shard: number })[];
  /** Per currency over all shards. */
  readonly totals: readonly Books[];
}

/**
 * Asks for the books over REST, where their size does not hold up a socket.
 *
 * **Errors**: MizanError `unreachable` or `timeout` where no answer came.
 */
export async function fetchTrialBalance(endpoint: Endpoint, timeoutMs: number): Promise<Found<TrialBalance>> {
  let body: unknown;
  try {
    const response = await fetch(addressOf(endpoint, "/api/v1/trial-balance"), {
      headers: authorizationOf(endpoint),
      signal: AbortSignal.timeout(timeoutMs),
    });
    body = await response.json();
  } catch (cause) {
    const isTimeout = cause instanceof Error && cause.name === "TimeoutError";
    throw new MizanError(isTimeout ? "timeout" : "unreachable", `no trial balance: ${String(cause)}`, { cause });
  }
  if (typeof body === "object" && body !== null && "totals" in body) return { ok: true, ...(body as TrialBalance) };
  const code = typeof body === "object" && body !== null && "code" in body ? String(body.code) : "";
  if (!isRejection(code)) throw new MizanError("protocol_violation", "the server sent books without totals");
  return rejection(code);
}

function isRejection(code: string): code is Exclude<Code, "ok"> {
  return code !== "ok" && Object.hasOwn(CODES, code);
}
