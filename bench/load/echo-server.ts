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

/** A transfer as a client names it; over REST its id comes in a header. */
interface TransferRequest {
  readonly requestId?: number;
  readonly id?: string;
  readonly fromWalletId: string;
  readonly toWalletId: string;
  readonly amountMinor: number;
}

const SIDE = { postedMinor: 100_000_000_000, availableMinor: 100_000_000_000, version: 12_345 };

/** An answer with the fields, and about the length, of the ledger's own. */
function transferAnswer({ fromWalletId, toWalletId, amountMinor }: TransferRequest, id: string): object {
  const position = "0:123456789";
  return { id, status: "COMPLETED", fromWalletId, toWalletId, amountMinor, position, from: SIDE, to: SIDE };
}

function answerJson(text: string): string {
  const request = JSON.parse(text) as TransferRequest;
  const { requestId, id = "" } = request;
  return JSON.stringify({ requestId, ok: true, result: transferAnswer(request, id) });
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

app.post("/api/v1/transfers", (response, request) => {
  const id = request.getHeader("idempotency-key");
  let text = "";
  response.onAborted(() => {});
  response.onData((chunk, isLast) => {
    text += Buffer.from(chunk).toString();
    if (!isLast) return;
    const answer = JSON.stringify(transferAnswer(JSON.parse(text) as TransferRequest, id));
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
