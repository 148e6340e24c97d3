import { RECORD } from "../../protocol/command-record.ts";
import { formatUuid } from "../../protocol/ids.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import type { Request } from "./request.ts";
import type { Endpoint } from "./workload.ts";

/** The only command of a request as a message of `mizan.json.v1`. */
export function jsonMessage(request: Request, requestId: number): string {
  const { records } = request;
  const id = formatUuid(records, RECORD.id);
  const walletId = formatUuid(records, RECORD.wallet);
  switch (request.kind) {
    case "transfers":
      return JSON.stringify({ requestId, type: "Transfer", id, fromWalletId: walletId, ...payment(request) });
    case "holds":
      return JSON.stringify({ requestId, type: "PlaceHold", id, walletId, ...payment(request) });
    case "captures": {
      const toWalletId = formatUuid(records, RECORD.counterparty);
      return JSON.stringify({ requestId, type: "CaptureHold", id, walletId, holdId: holdIdOf(request), toWalletId });
    }
    case "voids":
      return JSON.stringify({ requestId, type: "VoidHold", id, walletId, holdId: holdIdOf(request) });
    case "reads":
      return JSON.stringify({ requestId, type: "GetWallet", walletId: formatUuid(records, 0) });
    default:
      return unreachable(request.kind);
  }
}

/** The only command of a request as an HTTP request. */
export function restRequest(request: Request, endpoint: Endpoint): string {
  const { records } = request;
  const walletId = formatUuid(records, RECORD.wallet);
  switch (request.kind) {
    case "transfers":
      return post(request, endpoint, "/api/v1/transfers", { fromWalletId: walletId, ...payment(request) });
    case "holds":
      return post(request, endpoint, `/api/v1/wallets/${walletId}/holds`, payment(request));
    case "captures": {
      const toWalletId = formatUuid(records, RECORD.counterparty);
      return post(request, endpoint, `/api/v1/holds/${holdIdOf(request)}/captures`, { walletId, toWalletId });
    }
    case "voids":
      return post(request, endpoint, `/api/v1/holds/${holdIdOf(request)}/void`, { walletId });
    case "reads":
      return [`GET /api/v1/wallets/${formatUuid(records, 0)} HTTP/1.1`, ...commonHeaders(endpoint), "", ""].join(
        "\r\n",
      );
    default:
      return unreachable(request.kind);
  }
}

function payment({ records, amountMinor }: Request): { toWalletId: string; amountMinor: number } {
  return { toWalletId: formatUuid(records, RECORD.counterparty), amountMinor: amountMinor[0] };
}

function holdIdOf({ records }: Request): string {
  return formatUuid(records, RECORD.targetId);
}

function post({ records }: Request, endpoint: Endpoint, path: string, body: object): string {
  const text = JSON.stringify(body);
  const lines = [
    `POST ${path} HTTP/1.1`,
    ...commonHeaders(endpoint),
    "Content-Type: application/json",
    `Idempotency-Key: ${formatUuid(records, RECORD.id)}`,
    `Content-Length: ${text.length}`,
    "",
    text,
  ];
  return lines.join("\r\n");
}

function commonHeaders({ host, port, key }: Endpoint): string[] {
  return [`Host: ${host}:${port}`, `Authorization: Bearer ${key}`];
}
