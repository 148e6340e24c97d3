import type { HttpResponse } from "uWebSockets.js";
import { STATUS_CODES } from "node:http";
import { CODES, type Code } from "../protocol/codes.ts";

/** Seconds after which a client may try again what was refused for the moment. */
const RETRY_AFTER_SECONDS = "1";

/** What a problem may say besides its code. */
export interface ProblemFacts {
  readonly detail?: string;
  readonly field?: string;
  readonly position?: string;
  /** The limit that refused. */
  readonly limit?: object;
  /** Where the node is that leads. */
  readonly leader?: string | undefined;
}

/** The status line of an HTTP status. */
export function statusLine(status: number): string {
  return `${status} ${STATUS_CODES[status] ?? ""}`;
}

/** The problem document of a code. **Source**: RFC 9457. */
function problemText(code: Code, facts: ProblemFacts = {}): string {
  const { http, meaning } = CODES[code];
  return JSON.stringify({ type: `urn:mizan:problem:${code}`, title: meaning, status: http, code, ...facts });
}

/** Ends a response with the problem document of a code; the response must still be open. */
export function sendProblem(
  response: HttpResponse,
  code: Code,
  facts: ProblemFacts = {},
  headers: Readonly<Record<string, string>> = {},
): void {
  const { http } = CODES[code];
  response.cork(() => {
    response.writeStatus(statusLine(http)).writeHeader("content-type", "application/problem+json");
    if (http === 503 || http === 504) response.writeHeader("retry-after", RETRY_AFTER_SECONDS);
    if (http === 401) response.writeHeader("www-authenticate", 'Bearer, Basic realm="mizan"');
    for (const [name, value] of Object.entries(headers)) response.writeHeader(name, value);
    response.end(problemText(code, facts));
  });
}
