import type { Logger } from "pino";
import type { Engine } from "../../engine/engine.ts";
import type { EventRelayWorker } from "../../replicator/events/relay-worker.ts";
import type { Config } from "../config.ts";
import { VERSION } from "../version.ts";
import { SpanExporter } from "./span-exporter.ts";
import { Tracer } from "./tracer.ts";

/** Begins to trace where a collector is named; `events` is who tells events here, if anybody does. */
export function startTracer(
  { otlpEndpoint, traceSampleRatio, kafkaBrokers, events: mode }: Config,
  engine: Engine,
  events: () => EventRelayWorker | undefined,
  log: Logger,
): Tracer | undefined {
  if (otlpEndpoint === undefined) return undefined;
  const url = `${otlpEndpoint.replace(/\/+$/, "")}/v1/traces`;
  const exporter = new SpanExporter({ url, version: VERSION, ledgerId: engine.ledgerId }, log);
  const areEventsTold = kafkaBrokers !== undefined && mode !== "off";
  return new Tracer(
    traceSampleRatio,
    engine.ports,
    exporter,
    areEventsTold ? ({ shard, sequence }) => events()?.publishedAt(shard, sequence) : undefined,
  );
}
