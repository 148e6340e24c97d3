import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A span as it came, with its attributes by name and its times in microseconds. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly name: string;
  readonly kind: number;
  readonly startUs: number;
  readonly endUs: number;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly statusCode: number;
}

interface JsonValue {
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly intValue?: number | string;
  readonly doubleValue?: number;
}

type JsonAttributes = readonly { readonly key: string; readonly value: JsonValue }[];

interface JsonSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: JsonAttributes;
  readonly status: { readonly code?: number };
}

interface JsonRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: JsonAttributes };
    readonly scopeSpans: readonly { readonly spans: readonly JsonSpan[] }[];
  }[];
}

/** A collector of traces inside the test: it takes OTLP over HTTP in JSON, as the specification writes it. */
export class OtlpReceiver {
  readonly spans: ReceivedSpan[] = [];
  /** Of whoever sent spans last. */
  resource: Readonly<Record<string, string | number | boolean>> = {};
  headers: IncomingHttpHeaders = {};
  /** How it answers: as it should, with a failure, or never. */
  mood: "takes" | "fails" | "hangs" = "takes";
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.headers = request.headers;
      if (this.mood === "hangs") return;
      this.#take(request).then(
        (status) => response.writeHead(status, { "content-type": "application/json" }).end("{}"),
        () => response.writeHead(400).end(),
      );
    });
  }

  static async open(): Promise<OtlpReceiver> {
    const receiver = new OtlpReceiver();
    receiver.#server.listen(0, "127.0.0.1");
    await once(receiver.#server, "listening");
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The spans of a trace, by name where it has one of each. */
  trace(traceId: string): ReceivedSpan[] {
    return this.spans.filter((span) => span.traceId === traceId);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #take(request: IncomingMessage): Promise<number> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (request.url !== "/v1/traces" || request.headers["content-type"] !== "application/json") return 404;
    if (this.mood === "fails") return 400;
    const { resourceSpans } = JSON.parse(Buffer.concat(chunks).toString()) as JsonRequest;
    for (const { resource, scopeSpans } of resourceSpans) {
      this.resource = valuesOf(resource.attributes);
      for (const span of scopeSpans.flatMap(({ spans }) => spans)) this.spans.push(readSpan(span));
    }
    return 200;
  }
}

function readSpan({ parentSpanId, traceState, startTimeUnixNano, endTimeUnixNano, ...span }: JsonSpan): ReceivedSpan {
  const { traceId, spanId, name, kind, attributes, status } = span;
  return {
    traceId,
    spanId,
    parentSpanId: parentSpanId ?? "",
    traceState: traceState ?? "",
    name,
    kind,
    startUs: Number(BigInt(startTimeUnixNano) / 1_000n),
    endUs: Number(BigInt(endTimeUnixNano) / 1_000n),
    attributes: valuesOf(attributes),
    statusCode: status.code ?? 0,
  };
}

function valuesOf(attributes: JsonAttributes): Record<string, string | number | boolean> {
  return Object.fromEntries(
    attributes.map(({ key, value: { stringValue, boolValue, intValue, doubleValue } }) => [
      key,
      stringValue ?? boolValue ?? Number(intValue ?? doubleValue),
    ]),
  );
}
