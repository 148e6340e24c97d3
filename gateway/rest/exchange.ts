import type { HttpRequest, HttpResponse } from "uWebSockets.js";
import { isUtf8 } from "node:buffer";
import { randomUUID } from "node:crypto";
import type { z } from "zod";
import { sharedClockMs } from "../../engine/meter/shared-clock.ts";
import { CODES, type Code } from "../../protocol/codes.ts";
import { check } from "../../protocol/json-fault.ts";
import { HTTP_BODY_BYTES_MAX } from "../../protocol/limits.ts";
import type { Access } from "../access.ts";
import type { Caller } from "../caller.ts";
import type { LimitedLines } from "../limited-lines.ts";
import type { NodeRole } from "../node-role.ts";
import { type ProblemFacts, sendProblem, statusLine } from "../problem.ts";
import type { TraceFields } from "../tracing/traced-commands.ts";
import type { ResponseCounts } from "./response-counts.ts";

const JSON_TYPE = "application/json";
/** What a caller may name a request. */
const REQUEST_ID = /^[\x21-\x7e]{1,128}$/;
const IS_JSON_TYPE = /^application\/json *(?:;|$)/i;

/** What the exchanges of a server share. */
export interface ExchangeParts {
  readonly counts: ResponseCounts;
  readonly role: NodeRole;
  readonly failures: LimitedLines;
  /** Whether anybody asks for the trace of a request. */
  readonly isTraced: boolean;
}

const NO_TRACE: TraceFields = {};

/**
 * One HTTP request and its response.
 *
 * What the request says is read at once, since it is gone after the first turn; the response is written only while its
 * peer is still there.
 */
export class Exchange {
  readonly parameter: string;
  readonly secondParameter: string;
  readonly authorization: string;
  readonly idempotencyKey: string;
  /** The header Mizan-Acks, or empty. */
  readonly acks: string;
  /** The header Accept, or empty. */
  readonly accept: string;
  /** Journal positions that the answer shows at least; sent with it where set. */
  positions = "";
  /** The headers of the request's trace, and when it began; empty where nothing is traced. */
  readonly trace: TraceFields;
  readonly receivedMs: number;
  /** Of the trace that was begun for it. */
  traceId: string | undefined;
  readonly #query: string;
  readonly #contentType: string;
  readonly #response: HttpResponse;
  readonly #route: string;
  readonly #counts: ResponseCounts;
  readonly #role: NodeRole;
  readonly #failures: LimitedLines;
  #requestId: string;
  #isOpen = true;
  #onGone = (): void => {};

  /** `route` is what the response is counted under. */
  constructor(response: HttpResponse, request: HttpRequest, route: string, parts: ExchangeParts) {
    const { counts, role, failures, isTraced } = parts;
    this.receivedMs = isTraced ? sharedClockMs() : 0;
    this.trace = isTraced ? traceHeaders(request) : NO_TRACE;
    this.#failures = failures;
    this.#role = role;
    this.#response = response;
    this.#route = route;
    this.#counts = counts;
    this.parameter = request.getParameter(0) ?? "";
    this.secondParameter = request.getParameter(1) ?? "";
    this.authorization = request.getHeader("authorization");
    this.idempotencyKey = request.getHeader("idempotency-key");
    this.acks = request.getHeader("mizan-acks");
    this.accept = request.getHeader("accept");
    const requestId = request.getHeader("x-request-id");
    this.#requestId = REQUEST_ID.test(requestId) ? requestId : "";
    this.#query = request.getQuery();
    this.#contentType = request.getHeader("content-type");
    response.onAborted(() => {
      this.#isOpen = false;
      this.#onGone();
    });
  }

  /** What the caller named the request, else a name made for it; the response carries it then. */
  get requestId(): string {
    if (this.#requestId === "") this.#requestId = randomUUID();
    return this.#requestId;
  }

  /** What the query says under a name, or null. */
  query(name: string): string | null {
    return new URLSearchParams(this.#query).get(name);
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
    this.readBytes(HTTP_BODY_BYTES_MAX, (body) => this.#parse(body, take));
  }

  /** Reads the body as it comes and hands it on; valid during the call. **Errors**: `message_too_large`, answered here. */
  readBytes(bytesMax: number, take: (body: Buffer) => void): void {
    const chunks: Buffer[] = [];
    let length = 0;
    this.#response.onData((chunk, isLast) => {
      if (!this.#isOpen) return;
      length += chunk.byteLength;
      if (length > bytesMax) {
        this.problem("message_too_large", { detail: `a body has at most ${bytesMax} bytes` });
        return;
      }
      // The chunk is valid during the call only; the last one is used up within it.
      chunks.push(isLast ? Buffer.from(chunk) : Buffer.from(Buffer.from(chunk)));
      if (isLast) take(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks));
    });
  }

  /** Reads the body and hands it on as its schema says. **Errors**: those of `check`, and those of what is no JSON, answered here. */
  readBody<T>(schema: z.ZodType<T>, take: (body: T) => void): void {
    this.readJson((value) => {
      const checked = check(schema, value);
      if (checked.ok) take(checked.value);
      else this.problem(checked.fault.code, { detail: checked.fault.message, field: checked.fault.field });
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
    this.#end(status);
    this.#response.cork(() => {
      this.#begin(status, contentType);
      for (const [name, value] of Object.entries(headers)) this.#response.writeHeader(name, value);
      this.#response.end(body);
    });
  }

  /**
   * Answers with parts that are asked for one at a time, as fast as the peer takes them.
   *
   * `next` hands over the next part, which may be used again afterwards, an empty one at the end, or null where it cannot go on:
   * the response is then cut off.
   * `onEnd` is called once, when everything is sent or the peer has gone.
   */
  stream(
    contentType: string,
    headers: Readonly<Record<string, string>>,
    next: (take: (part: string | Uint8Array | null) => void) => void,
    onEnd: () => void,
  ): void {
    if (!this.#isOpen) {
      onEnd();
      return;
    }
    this.#onGone = onEnd;
    this.#response.cork(() => {
      this.#begin(200, contentType);
      for (const [name, value] of Object.entries(headers)) this.#response.writeHeader(name, value);
    });
    const take = (part: string | Uint8Array | null): void => {
      if (!this.#isOpen) return;
      if (part === null || part.length === 0) {
        this.#end(part === null ? 500 : 200);
        this.#onGone = () => {};
        // A body that is cut off must not look like one that is complete.
        if (part === null) this.#response.close();
        else this.#response.cork(() => this.#response.end());
        onEnd();
        return;
      }
      let isRoom = true;
      this.#response.cork(() => {
        isRoom = this.#response.write(part);
      });
      if (isRoom) {
        next(take);
        return;
      }
      this.#response.onWritable(() => {
        next(take);
        return true;
      });
    };
    next(take);
  }

  problem(code: Code, facts: ProblemFacts = {}, headers: Readonly<Record<string, string>> = {}): void {
    if (!this.#isOpen) return;
    this.#end(CODES[code].http);
    const named = code === "not_leader" ? { ...facts, leader: this.#role.leader?.nodeUrl } : facts;
    const { http } = CODES[code];
    const { traceId } = this;
    if (http >= 500) this.#failures.add({ requestId: this.requestId, traceId, route: this.#route, status: http, code });
    const id: Record<string, string> = this.#requestId === "" ? {} : { "x-request-id": this.#requestId };
    sendProblem(this.#response, code, named, { ...headers, ...id });
  }

  #begin(status: number, contentType: string): void {
    this.#response.writeStatus(statusLine(status)).writeHeader("content-type", contentType);
    if (this.#requestId !== "") this.#response.writeHeader("x-request-id", this.#requestId);
    if (this.positions !== "") this.#response.writeHeader("mizan-position", this.positions);
  }

  #end(status: number): void {
    this.#isOpen = false;
    this.#counts.add(this.#route, status);
  }

  #parse(body: Buffer, take: (value: unknown) => void): void {
    if (body.byteLength === 0) {
      take({});
      return;
    }
    if (!IS_JSON_TYPE.test(this.#contentType)) {
      this.problem("unsupported_media_type");
      return;
    }
    let value: unknown;
    try {
      // What is not UTF-8 would be read with replacement characters, and so as something that nobody sent.
      if (!isUtf8(body)) throw new SyntaxError("not UTF-8");
      value = JSON.parse(body.toString());
    } catch {
      this.problem("malformed_json");
      return;
    }
    take(value);
  }
}

function traceHeaders(request: HttpRequest): TraceFields {
  return { traceparent: request.getHeader("traceparent"), tracestate: request.getHeader("tracestate") };
}
