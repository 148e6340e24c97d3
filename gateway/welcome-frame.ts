import {
  COMMANDS_PER_MESSAGE_MAX,
  INFLIGHT_PER_CONNECTION_MAX,
  LOOKUPS_PER_MESSAGE_MAX,
  MESSAGE_BYTES_MAX,
  SUBSCRIPTIONS_PER_CONNECTION_MAX,
} from "../protocol/limits.ts";
import { WELCOME, WELCOME_ACKS, WELCOME_BYTES, WELCOME_ROLE } from "../protocol/welcome.ts";
import type { Caller } from "./caller.ts";
import type { GatewayContext } from "./context.ts";

const TEXT = new TextEncoder();

/** What the answers of a connection wait for. */
export function acksOf({ config }: GatewayContext, { awaitsLog }: Caller): "local" | "replicated" {
  return awaitsLog === true ? "replicated" : config.acks;
}

/** What stands behind the header of a Welcome frame. */
export function welcomePayload(context: GatewayContext, caller: Caller): Uint8Array {
  const { role, engine, config } = context;
  const leader = role.isLeading ? "" : (role.leader?.nodeUrl ?? "");
  const url = TEXT.encode(leader);
  const welcome = new Uint8Array(WELCOME_BYTES + url.byteLength);
  const view = new DataView(welcome.buffer);
  view.setUint32(WELCOME.commandsPerMessageMax, COMMANDS_PER_MESSAGE_MAX, true);
  view.setUint32(WELCOME.messageBytesMax, MESSAGE_BYTES_MAX, true);
  view.setUint32(WELCOME.inflightMax, INFLIGHT_PER_CONNECTION_MAX, true);
  view.setUint32(WELCOME.lookupsPerMessageMax, LOOKUPS_PER_MESSAGE_MAX, true);
  view.setUint32(WELCOME.subscriptionsMax, SUBSCRIPTIONS_PER_CONNECTION_MAX, true);
  view.setUint32(WELCOME.shards, engine.shardCount, true);
  view.setUint32(WELCOME.heartbeatIntervalMs, config.heartbeatIntervalMs, true);
  view.setUint8(WELCOME.role, WELCOME_ROLE[role.name]);
  view.setUint8(WELCOME.acks, WELCOME_ACKS[acksOf(context, caller)]);
  view.setUint16(WELCOME.leaderBytes, url.byteLength, true);
  welcome.set(url, WELCOME_BYTES);
  return welcome;
}
