/**
 * The limit that the gateway is measured against: uWebSockets alone, which answers the same messages at once.
 *
 * Binary messages come back as they are. JSON is parsed, and an answer of the shape that the ledger gives is written.
 */

import { App, us_socket_local_port } from "uWebSockets.js";
import { MESSAGE_BYTES_MAX } from "../../protocol/limits.ts";
import type { Subprotocol } from "../../protocol/wire-frame.ts";

interface UserData {
  readonly subprotocol: Subprotocol;
}

const POSITION = "0:123456789";

function answerJson(text: string): string {
  const request = JSON.parse(text) as { requestId: number };
  return JSON.stringify({ type: "results", requestId: request.requestId });
}

function answerRest(text: string): string {
  const request = JSON.parse(text) as { fromWalletId: string; toWalletId: string; amountMinor: number };
  return JSON.stringify({ ...request, status: "COMPLETED", position: POSITION });
}

const app = App();

app.ws<UserData>("/v1/ws", {
  maxPayloadLength: MESSAGE_BYTES_MAX,
  maxBackpressure: 64 * MESSAGE_BYTES_MAX,
  idleTimeout: 120,
  upgrade: (response, request, context) => {
    const subprotocol = request.getHeader("sec-websocket-protocol") as Subprotocol;
    const key = request.getHeader("sec-websocket-key");
    const extensions = request.getHeader("sec-websocket-extensions");
    response.upgrade<UserData>({ subprotocol }, key, subprotocol, extensions, context);
  },
  message: (socket, message, isBinary) => {
    if (isBinary) socket.send(message, true);
    else socket.send(answerJson(Buffer.from(message).toString()), false);
  },
});

app.post("/api/v1/transfers", (response) => {
  let text = "";
  response.onAborted(() => {});
  response.onData((chunk, isLast) => {
    text += Buffer.from(chunk).toString();
    if (!isLast) return;
    const answer = answerRest(text);
    response.cork(() => {
      response.writeStatus("201 Created").writeHeader("Content-Type", "application/json").end(answer);
    });
  });
});

process.once("disconnect", () => process.exit(0));
app.listen("127.0.0.1", 0, (socket) => {
  if (socket === false) throw new Error("the echo server found no port");
  // uSockets takes its listening sockets where it takes connections; only the declaration tells them apart.
  process.send?.({ port: us_socket_local_port(socket as unknown as Parameters<typeof us_socket_local_port>[0]) });
});
