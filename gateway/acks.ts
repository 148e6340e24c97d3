import type { Refusal } from "../protocol/codes.ts";
import type { GatewayContext } from "./context.ts";

/**
 * Whether answers to a request or connection that asks for `acks` wait for the log although others here do not; an empty
 * text asks for nothing.
 *
 * **Errors**: `invalid_request` for what is neither `local` nor `replicated`, `not_replicated`.
 */
export function readAcks(
  asked: string,
  { config, isReplicated }: Pick<GatewayContext, "config" | "isReplicated">,
): boolean | Refusal {
  switch (asked) {
    case "":
    case "local":
      return false;
    case "replicated":
      return isReplicated ? config.acks === "local" : "not_replicated";
    default:
      return "invalid_request";
  }
}
