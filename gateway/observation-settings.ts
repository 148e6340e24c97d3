import { z } from "zod";
import { LOG_LEVELS, type LogLevel } from "../protocol/json-log-level.ts";
import { oneOf, type Setting, share, whole } from "./setting.ts";

const DAY_MS = 86_400_000;

/** The settings of what a ledger tells about itself, by their field in `Config`. */
export const OBSERVATION_SETTINGS = {
  logLevel: {
    name: "MIZAN_LOG_LEVEL",
    schema: z.string().pipe(z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(", ")}`)),
    default: "info",
    defaultText: "info",
    unit: "",
    meaning: `Least severe level that is logged: ${LOG_LEVELS.join(", ")}.`,
  } satisfies Setting<LogLevel>,
  slowRequestMs: whole("MIZAN_SLOW_REQUEST_MS", {
    default: 1_000,
    min: 0,
    max: DAY_MS,
    unit: "ms",
    meaning: "A request that took this long is logged as slow, ten a second at most; 0 for none.",
  }),
  stageTimes: oneOf("MIZAN_STAGE_TIMES", {
    values: ["on", "off"],
    default: "on",
    meaning: "Whether requests are timed from hand to hand for the metrics: on or off.",
  }),
  trialBalanceIntervalMs: whole("MIZAN_TRIAL_BALANCE_INTERVAL_MS", {
    default: 60_000,
    min: 0,
    max: DAY_MS,
    unit: "ms",
    meaning: "How often each shard adds up its books for the metrics, some 3 ns a wallet; 0 for never.",
  }),
  otlpEndpoint: {
    name: "MIZAN_OTLP_ENDPOINT",
    schema: z.url({ protocol: /^https?$/, error: "must be an http or https URL" }),
    default: undefined,
    defaultText: "none: nothing is traced",
    unit: "",
    meaning: "Collector that takes traces as OTLP over HTTP, without `/v1/traces`.",
  } satisfies Setting<string | undefined>,
  traceSampleRatio: share("MIZAN_TRACE_SAMPLE_RATIO", {
    default: 0.01,
    meaning: "Share of the commands without a `traceparent` that is traced; with one its sender decides.",
  }),
} as const;
