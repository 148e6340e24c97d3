import type { HttpRequest, HttpResponse, us_socket_context_t } from "uWebSockets.js";
import type { Code, Refusal } from "../protocol/codes.ts";
import { SUBPROTOCOLS, type Subprotocol } from "../protocol/wire-frame.ts";
import { readAcks } from "./acks.ts";
import { BinaryConnection } from "./binary-connection.ts";
import type { Caller } from "./caller.ts";
import type { Connection, SocketData } from "./connection.ts";
import type { GatewayContext } from "./context.ts";
import { JsonConnection } from "./json-connection.ts";
import type { Pace } from "./pace.ts";
import { sendProblem } from "./problem.ts";

/**
 * Turns an HTTP request for `/v1/ws` into a connection, in this turn of the loop or in a later one.
 *
 * **Errors**: `unauthenticated`, `unsupported_protocol`, `overloaded`, `shutting_down`, as problem documents.
 */
export function upgrade(
  response: HttpResponse,
  request: HttpRequest,
  socketContext: us_socket_context_t,
  gateway: GatewayContext,
  pace: Pace,
  openConnections: number,
): void {
  const refusal = refuse(gateway, openConnections + pace.waiting);
  const subprotocol = choose(request.getHeader("sec-websocket-protocol"));
  if (refusal !== undefined || subprotocol === undefined) {
    sendProblem(response, refusal ?? "unsupported_protocol");
    return;
  }
  const caller = authenticate(request, gateway);
  if (caller === undefined) {
    sendProblem(response, "unauthenticated");
    return;
  }
  // A browser learns nothing of a refused upgrade, so what cannot be had is told over the socket.
  const awaitsLog = readAcks(request.getQuery("acks") ?? "", gateway);
  const refused = typeof awaitsLog === "string" ? awaitsLog : undefined;
  const asker = awaitsLog === true ? { ...caller, awaitsLog } : caller;
  const key = request.getHeader("sec-websocket-key");
  const extensions = request.getHeader("sec-websocket-extensions");
  let isGone = false;
  response.onAborted(() => {
    isGone = true;
  });
  const isTaken = pace.run(() => {
    if (isGone) return;
    const refusedMeanwhile = gateway.isStopping()
      ? "shutting_down"
      : gateway.access.isRevoked(caller) && "unauthenticated";
    if (refusedMeanwhile !== false) {
      sendProblem(response, refusedMeanwhile);
      return;
    }
    const connection = connectionFor(subprotocol, gateway, asker, refused);
    const data: SocketData = { connection, heardAtMs: 0, beatAtMs: 0 };
    response.cork(() => response.upgrade(data, key, subprotocol, extensions, socketContext));
  });
  if (!isTaken) sendProblem(response, "overloaded");
}

/** Why no connection is taken now, whoever asks. */
function refuse(gateway: GatewayContext, openConnections: number): Code | undefined {
  if (gateway.isStopping()) return "shutting_down";
  return openConnections >= gateway.config.connectionsMax ? "overloaded" : undefined;
}

/** The first of our subprotocols that the client offers. */
function choose(offered: string): Subprotocol | undefined {
  const names = new Set(offered.split(",").map((name) => name.trim()));
  return SUBPROTOCOLS.find((name) => names.has(name));
}

function authenticate(request: HttpRequest, { access }: GatewayContext): Caller | undefined {
  const authorization = request.getHeader("authorization");
  if (authorization !== "") return access.authenticateHeader(authorization);
  const ticket = request.getQuery("ticket");
  return ticket === undefined || ticket === "" ? undefined : access.redeemTicket(ticket);
}

function connectionFor(
  subprotocol: Subprotocol,
  gateway: GatewayContext,
  caller: Caller,
  refusal: Refusal | undefined,
): Connection {
  return subprotocol === "mizan.binary.v1"
    ? new BinaryConnection(gateway, caller, refusal)
    : new JsonConnection(gateway, caller, refusal);
}
