import type { HttpRequest, HttpResponse } from "uWebSockets.js";
import type { Code } from "../../protocol/codes.ts";
import { HTTP_BODY_BYTES_MAX } from "../../protocol/limits.ts";
import type { Access } from "../access.ts";
import type { Caller } from "../caller.ts";
import { type ProblemFacts, sendProblem, statusLine } from "../problem.ts";

const JSON_TYPE = "application/json";

/**
 * One HTTP request and its response.
 *
 * What the request says is read at once, since it is gone after the first turn; the response is written only while its
 * peer is still there.
 */
export class Exchange {
  readonly path: string;
  readonly parameter: string;
  readonly authorization: string;
  readonly idempotencyKey: string;
  readonly query: URLSearchParams;
  readonly #contentType: string;
  readonly #response: HttpResponse;
  #isOpen = true;

  constructor(response: HttpResponse, request: HttpRequest) {
    this.#response = response;
    this.path = request.getUrl();
    this.parameter = request.getParameter(0) ?? "";
    this.authorization = request.getHeader("authorization");
    this.idempotencyKey = request.getHeader("idempotency-key");
    this.query = new URLSearchParams(request.getQuery());
    this.#contentType = request.getHeader("content-type");
    response.onAborted(() => {
      this.#isOpen = false;
    });
  }

  /** The caller that the key of the request stands for: a Bearer token, or the password of Basic as browsers send it. */
  authenticate(access: Access): Caller | undefined {
    const basic = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(this.authorization)?.[1];
    if (basic === undefined) return access.authenticateHeader(this.authorization);
    const credentials = Buffer.from(basic, "base64").toString();
    return access.authenticate(credentials.slice(credentials.indexOf(":") + 1));
  }

  /**
   * Reads the body as JSON, an empty one as an empty object, and hands it on.
   *
   * **Errors**: `message_too_large`, `unsupported_media_type`, `malformed_json`, answered here.
   */
  readJson(take: (value: unknown) => void): void {
    const chunks: Buffer[] = [];
    let length = 0;
    this.#response.onData((chunk, isLast) => {
      if (!this.#isOpen) return;
      length += chunk.byteLength;
      if (length > HTTP_BODY_BYTES_MAX) {
        this.problem("message_too_large", { detail: `a body has at most ${HTTP_BODY_BYTES_MAX} bytes` });
        return;
      }
      // The chunk is valid during the call only; the last one is used up within it.
      chunks.push(isLast ? Buffer.from(chunk) : Buffer.from(Buffer.from(chunk)));
      if (isLast) this.#parse(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks), take);
    });
  }

  json(status: number, text: string, headers: Readonly<Record<string, string>> = {}): void {
    this.send(status, JSON_TYPE, text, headers);
  }

  send(
    status: number,
    contentType: string,
    body: string | Uint8Array,
    headers: Readonly<Record<string, string>> = {},
  ): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#response.cork(() => {
      this.#response.writeStatus(statusLine(status)).writeHeader("content-type", contentType);
      for (const [name, value] of Object.entries(headers)) this.#response.writeHeader(name, value);
      this.#response.end(body);
    });
  }

  problem(code: Code, facts: ProblemFacts = {}, headers: Readonly<Record<string, string>> = {}): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    sendProblem(this.#response, code, facts, headers);
  }

  #parse(body: Buffer, take: (value: unknown) => void): void {
    if (body.byteLength === 0) {
      take({});
      return;
    }
    if (!this.#contentType.toLowerCase().startsWith(JSON_TYPE)) {
      this.problem("unsupported_media_type");
      return;
    }
    let value: unknown;
    try {
      value = JSON.parse(body.toString());
    } catch {
      this.problem("malformed_json");
      return;
    }
    take(value);
  }
}
