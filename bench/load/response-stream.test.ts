import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ResponseStream } from "./response-stream.ts";

const responses = fc.array(
  fc.record({
    status: fc.constantFrom(200, 201, 404, 503),
    header: fc.constantFrom("Content-Length", "content-length", "CONTENT-LENGTH"),
    before: fc.constantFrom("", "Content-Type: application/json\r\n", "Connection: keep-alive\r\nC: x\r\n"),
    body: fc.string({ unit: "grapheme", maxLength: 300 }),
  }),
  { maxLength: 12 },
);

describe("response stream", () => {
  test("finds the same responses however the bytes are cut into reads", () => {
    fc.assert(
      fc.property(responses, fc.infiniteStream(fc.nat(400)), (sent, cuts) => {
        const stream = Buffer.from(
          sent
            .map(({ status, header, before, body }) => {
              return `HTTP/1.1 ${status} Text\r\n${before}${header}: ${Buffer.byteLength(body)}\r\nuWebSockets: 20\r\n\r\n${body}`;
            })
            .join(""),
        );
        const received: { status: number; body: string }[] = [];
        const parser = new ResponseStream((status, bytes, start, end) => {
          received.push({ status, body: Buffer.from(bytes.slice(start, end)).toString() });
        });
        const shared = Buffer.alloc(512);
        for (let at = 0; at < stream.length; ) {
          const taken = Math.min(1 + (cuts.next().value ?? 0), stream.length - at);
          shared.fill(0xee);
          shared.set(stream.subarray(at, at + taken), 4);
          parser.push(shared, 4, 4 + taken);
          at += taken;
        }
        expect(received).toEqual(sent.map(({ status, body }) => ({ status, body: Buffer.from(body).toString() })));
      }),
    );
  });

  test("refuses a response without a length", () => {
    const bytes = Buffer.from("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    expect(() => new ResponseStream(() => {}).push(bytes, 0, bytes.length)).toThrow(/Content-Length/);
  });
});
