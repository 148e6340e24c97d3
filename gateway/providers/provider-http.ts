import { ProviderFailure } from "./provider-failure.ts";

/** An answer is read up to here. **Units**: bytes. */
const ANSWER_BYTES_MAX = 256 * 1_024;

/** What fetch says where no connection came about, so that nothing was sent. */
const UNSENT: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** The status of HTTP, and the JSON of the body. */
export interface ProviderAnswer {
  readonly status: number;
  readonly json: Readonly<Record<string, unknown>>;
}

export interface ProviderRequest {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON, or as a form where it is one. */
  readonly body?: object | URLSearchParams;
}

/**
 * Sends one request and reads a JSON object, within a time and a length; no redirect is followed, since it might take a secret elsewhere.
 *
 * **Errors**: throws `ProviderFailure`: `unsent` where no connection came about; `unanswered` for 5xx, and for anything that is no
 * answer. Every other status is the caller's to judge.
 */
export async function askProvider(request: ProviderRequest, timeoutMs: number): Promise<ProviderAnswer> {
  const { method, url, headers = {}, body } = request;
  const isForm = body instanceof URLSearchParams;
  const type: Record<string, string> = body === undefined || isForm ? {} : { "content-type": "application/json" };
  try {
    const response = await fetch(url, {
      method,
      headers: { accept: "application/json", ...type, ...headers },
      ...(body === undefined ? {} : { body: isForm ? body : JSON.stringify(body) }),
      redirect: "manual",
      signal: AbortSignal.timeout(timeoutMs),
    });
    const { status } = response;
    if (status >= 500) {
      await response.body?.cancel();
      throw new ProviderFailure("unanswered", `HTTP ${status}`);
    }
    return { status, json: parse(await read(response)) };
  } catch (error) {
    throw error instanceof ProviderFailure ? error : failureOf(error);
  }
}

async function read(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > ANSWER_BYTES_MAX) throw new ProviderFailure("unanswered", `more than ${ANSWER_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function parse(text: string): ProviderAnswer["json"] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ProviderFailure("unanswered", "the answer is no JSON");
  }
  if (typeof value !== "object" || value === null) throw new ProviderFailure("unanswered", "the answer is no object");
  return value as ProviderAnswer["json"];
}

function failureOf(error: unknown): ProviderFailure {
  const { name, cause } = error as { readonly name?: string; readonly cause?: { readonly code?: unknown } };
  const code = typeof cause?.code === "string" ? cause.code : (name ?? "error");
  return new ProviderFailure(UNSENT.has(code) ? "unsent" : "unanswered", code);
}
