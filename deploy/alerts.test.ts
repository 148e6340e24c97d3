/** Alert rules, dashboards and runbook: they agree with each other and with what a ledger exposes. */

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { promtoolPath } from "./promtool/promtool.ts";

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets: readonly { readonly expr: string }[];
}

interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly panels: readonly Panel[];
}

const promtool = promtoolPath();
const prometheus = fileURLToPath(new URL("./prometheus/", import.meta.url));
const grafana = fileURLToPath(new URL("./grafana/", import.meta.url));
const rules = readFileSync(join(prometheus, "mizan.rules.yml"), "utf8");
const ruleTests = readFileSync(join(prometheus, "mizan.tests.yml"), "utf8");
const runbook = readFileSync(new URL("./RUNBOOK.md", import.meta.url), "utf8");
const metricsPage = readFileSync(new URL("./METRICS.md", import.meta.url), "utf8");

const dashboards = readdirSync(grafana).map((name) => ({
  name,
  ...(JSON.parse(readFileSync(join(grafana, name), "utf8")) as Dashboard),
}));

/** Names of alerts, each with the text of its rule. */
const alerts = rules
  .split(/^ {6}- alert: /m)
  .slice(1)
  .map((text) => ({ name: text.slice(0, text.indexOf("\n")), text }));

/** Every name that a query may use: the page of metrics is held to what is exposed by metrics.test.ts. */
const exposed = new Set(
  [...metricsPage.matchAll(/^\| `(\w+)` \| (\w+) \|/gm)].flatMap(([, name, type]) =>
    type === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  ),
);

function metricsIn(text: string): string[] {
  return [...text.matchAll(/\b(?:mizan|nodejs|process)_\w+/g)].map(([name]) => name);
}

function run(args: readonly string[], cwd = prometheus): { readonly status: number | null; readonly said: string } {
  const { status, stdout, stderr } = spawnSync(promtool ?? "", args, { cwd, encoding: "utf8" });
  return { status, said: status === 0 ? "" : stdout + stderr };
}

describe("alert rules", () => {
  test.skipIf(promtool === undefined)("promtool finds them well formed, and their tests pass", () => {
    expect(run(["check", "rules", "--lint-fatal", "mizan.rules.yml"])).toEqual({ status: 0, said: "" });
    expect(run(["test", "rules", "mizan.tests.yml"])).toEqual({ status: 0, said: "" });
  });

  test("each fires in one of the tests", () => {
    expect(alerts.length).toBeGreaterThan(10);
    for (const { name } of alerts) {
      expect(ruleTests).toMatch(new RegExp(`alertname: ${name}\\n +exp_alerts:\\n +- exp_labels`));
    }
  });

  test("each names its section in the runbook, which says what it means, how to look, and what to do", () => {
    for (const { name, text } of alerts) {
      expect(text).toContain(`runbook: RUNBOOK.md#${name.toLowerCase()}\n`);
      const section = runbook.split(/^## /m).find((part) => part.startsWith(`${name}\n`)) ?? "";
      for (const part of ["**Means**", "**Look**", "**Do**"]) expect(`${name}: ${section}`).toContain(part);
    }
    const sections = [...runbook.matchAll(/^## (\w+)$/gm)].map(([, name]) => name);
    expect(sections).toEqual(alerts.map(({ name }) => name));
  });

  test("they and the runbook ask for nothing that is not exposed", () => {
    for (const name of [...metricsIn(rules), ...metricsIn(ruleTests), ...metricsIn(runbook)]) {
      const isFamily = exposed.has(name) || exposed.has(`${name}_bucket`);
      expect(isFamily ? "exposed" : `${name} is not exposed`).toBe("exposed");
    }
  });
});

describe("dashboards", () => {
  test("there is one for the ledger, a shard, replication and streams", () => {
    expect(dashboards.map(({ name }) => name)).toEqual([
      "overview.json",
      "replication.json",
      "shard.json",
      "streams.json",
    ]);
    expect(new Set(dashboards.map(({ uid }) => uid)).size).toBe(dashboards.length);
  });

  test("they ask for nothing that is not exposed", () => {
    for (const { name, panels } of dashboards) {
      for (const { title, targets } of panels) {
        expect(targets.length).toBeGreaterThan(0);
        for (const { expr } of targets) {
          const unknown = metricsIn(expr).filter((metric) => !exposed.has(metric));
          expect({ name, title, unknown }).toEqual({ name, title, unknown: [] });
        }
      }
    }
  });

  test("no panel lies on another one", () => {
    for (const { name, panels } of dashboards) {
      const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
        Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`),
      );
      expect([name, new Set(cells).size]).toEqual([name, cells.length]);
      expect([name, new Set(panels.map(({ id }) => id)).size]).toEqual([name, panels.length]);
    }
  });

  test.skipIf(promtool === undefined)("Prometheus understands every query", () => {
    const queries = dashboards.flatMap(({ panels }) =>
      panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
    );
    const recorded = queries.map((expr, index) => {
      const filled = expr.replaceAll("$__rate_interval", "1m").replaceAll("$instance", ".*").replaceAll("$shard", ".*");
      return `      - record: query:${index}\n        expr: ${JSON.stringify(filled)}\n`;
    });
    const scratch = mkdtempSync(join(tmpdir(), "mizan-dashboards-"));
    writeFileSync(join(scratch, "queries.yml"), `groups:\n  - name: queries\n    rules:\n${recorded.join("")}`);
    const result = run(["check", "rules", "queries.yml"], scratch);
    rmSync(scratch, { recursive: true });
    expect(result).toEqual({ status: 0, said: "" });
  });
});
