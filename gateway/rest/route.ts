import type { z } from "zod";
import type { JsonCommand } from "../../protocol/json-commands.ts";
import type { Caller } from "../caller.ts";
import type { GatewayContext } from "../context.ts";
import type { Exchange } from "./exchange.ts";

interface RouteFacts {
  readonly method: "get" | "post" | "put" | "del";
  /** In the form of OpenAPI, with at most two parameters: `/api/v1/wallets/{id}`. */
  readonly path: string;
  readonly summary: string;
  /** Status of success. */
  readonly status: 200 | 201;
  readonly answer: z.ZodType;
  readonly access: "public" | "caller" | "admin";
}

/** A route that carries one command of the ledger. */
export interface CommandRoute extends RouteFacts {
  readonly kind: "command";
  readonly body: z.ZodType;
  /** The command that a checked body asks for; `parameter` is the wallet's id where the path has one. */
  readonly toCommand: (body: never, commandId: string, parameter: string) => JsonCommand;
}

/** Any other route; `body` and `needsKey` describe it, and `run` answers. */
export interface PlainRoute extends RouteFacts {
  readonly kind: "plain";
  readonly body?: z.ZodType;
  /** Whether the header Idempotency-Key is required. */
  readonly needsKey?: true;
  readonly query?: Readonly<Record<string, string>>;
  readonly run: (exchange: Exchange, context: GatewayContext, caller: Caller) => void;
}

export type Route = CommandRoute | PlainRoute;

/** Makes a command route, with the type of its body taken from the schema. */
export function commandRoute<Body extends z.ZodType>(
  facts: RouteFacts & { readonly body: Body },
  toCommand: (body: z.output<Body>, commandId: string, parameter: string) => JsonCommand,
): CommandRoute {
  return { ...facts, kind: "command", toCommand: toCommand as CommandRoute["toCommand"] };
}
