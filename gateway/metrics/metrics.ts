import { Counter, collectDefaultMetrics, Gauge, Registry, type RegistryContentType } from "prom-client";
import { unreachable } from "../../protocol/unreachable.ts";
import type { GatewayContext } from "../context.ts";
import type { ResponseCounts } from "../rest/response-counts.ts";
import type { Family } from "./family.ts";
import { gatewayFamilies } from "./gateway-families.ts";
import { providerFamilies } from "./provider-families.ts";
import { replicationFamilies } from "./replication-families.ts";
import { shardFamilies } from "./shard-families.ts";
import { SharedHistogram } from "./shared-histogram.ts";

/** What the library names like counters although they go down; nobody here needs them. */
const MISNAMED = ["nodejs_active_handles_total", "nodejs_active_requests_total", "nodejs_active_resources_total"];

/** Metrics as they are sent. */
interface MetricsPage {
  readonly contentType: string;
  readonly text: string;
}

/** The ledger's numbers for Prometheus, read from shared memory when they are asked for. */
export class Metrics {
  readonly #families: readonly Family[];
  /** One a format: the library renames counters for OpenMetrics and does not rename them back. */
  readonly #registries = new Map<RegistryContentType, Registry<RegistryContentType>>();

  constructor(context: GatewayContext, responses: ResponseCounts) {
    this.#families = [
      ...shardFamilies(context),
      ...gatewayFamilies(context, responses),
      ...replicationFamilies(context),
      ...providerFamilies(context),
    ];
  }

  /** All metrics in the format that the header Accept prefers: OpenMetrics or Prometheus' own text. */
  async page(accept: string): Promise<MetricsPage> {
    const type = prefersOpenMetrics(accept) ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE;
    let registry = this.#registries.get(type);
    if (registry === undefined) {
      registry = newRegistry(type, this.#families);
      this.#registries.set(type, registry);
    }
    return { contentType: type, text: await registry.metrics() };
  }
}

function newRegistry(type: RegistryContentType, families: readonly Family[]): Registry<RegistryContentType> {
  const registry = new Registry<RegistryContentType>();
  registry.setContentType(type);
  collectDefaultMetrics({ register: registry as Registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  for (const family of families) register(registry as Registry, family);
  return registry;
}

function register(registry: Registry, family: Family): void {
  const { type, name, help, labels } = family;
  const facts = { name, help, labelNames: [...labels], registers: [registry] };
  switch (type) {
    case "counter": {
      const counter = new Counter({
        ...facts,
        collect: () => {
          counter.reset();
          for (const { labels, value } of family.read()) counter.inc(labels, value);
        },
      });
      break;
    }
    case "gauge": {
      const gauge = new Gauge({
        ...facts,
        collect: () => {
          gauge.reset();
          for (const { labels, value } of family.read()) gauge.set(labels, value);
        },
      });
      break;
    }
    case "histogram":
      new SharedHistogram({ name, help, labels, registry, read: family.read });
      break;
    default:
      unreachable(type);
  }
}

/** Whether OpenMetrics is wanted at least as much as plain text. */
function prefersOpenMetrics(accept: string): boolean {
  const wanted = (type: string): number => {
    const range = accept.split(",").find((part) => part.trim().startsWith(type));
    return range === undefined ? 0 : Number(/;\s*q=([\d.]+)/.exec(range)?.[1] ?? 1);
  };
  const openMetrics = wanted("application/openmetrics-text");
  return openMetrics > 0 && openMetrics >= wanted("text/plain");
}
