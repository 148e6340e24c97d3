/** What a JSON socket sends unasked, but for Welcome and Error. */

import { z } from "zod";
import { balanceMinor, currency, position, timestampMs, uuid, version, walletStatus } from "./json-fields.ts";

const mark = z.literal(true).optional();

const delta = z.strictObject({
  kind: z.enum(["state", "change"]).describe("The state at the time of subscribing, or a change."),
  walletId: uuid,
  currency,
  status: walletStatus,
  postedMinor: balanceMinor,
  availableMinor: balanceMinor,
  version,
  position,
  timestampMs,
  reset: mark.describe("What the reader had is replaced: the versions since are no longer kept."),
  conflated: mark.describe("Steps before this one were left out, because the reader was slow."),
});

/** Steps of the balances that the connection has subscribed to. */
export const balancesMessage = z.strictObject({ type: z.literal("Balances"), deltas: z.array(delta).min(1) });

const step = z.strictObject({
  kind: z.enum(["state", "change"]).describe("The state at the time of subscribing, or a change."),
  actor: z.string(),
  actorId: uuid,
  version,
  previousVersion: z
    .int()
    .min(0)
    .optional()
    .describe("Of a change: the version before it. One step may hold several events."),
  position: position.describe("The record of the change, or up to which the shard had decided."),
  timestampMs,
  reset: mark.describe("What the reader had is replaced: the steps since are no longer kept."),
  conflated: mark.describe("Steps before this one were left out, because the reader was slow."),
  whole: mark.describe("The state has its long fields, too."),
  state: z
    .record(z.string(), z.unknown())
    .nullable()
    .describe("As commands on the actor answer with it; null where it is too large to be told."),
});

/** Steps of the actors that the connection has subscribed to. */
export const actorsMessage = z.strictObject({ type: z.literal("Actors"), steps: z.array(step).min(1) });

/** Sent where nothing else was for a while. */
export const heartbeatMessage = z.strictObject({ type: z.literal("Heartbeat"), timestampMs });
