import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { intervalOf, percentilesOf, resultOf, serverSampleOf } from "../../../test/load-results.ts";
import { BROWSER_WITHIN_MS, faultsOf, HAS_BROWSER, RealBrowser, type View } from "../../../test/real-browser.ts";
import { takeScreenshots } from "../../../test/report-screenshots.ts";
import { ChildGroup } from "../../child-group.ts";
import type { ConnectionsResult } from "../../load/connections-result.ts";
import type { LoadResult } from "../../load/result.ts";
import { scratchDirectory } from "../../run.ts";
import { LoadTarget } from "../load-target.ts";
import { profileSchema, readProfile } from "../profile.ts";
import { ProfileRun } from "../profile-run.ts";
import { comparePage } from "./compare-page.ts";
import { reportPage } from "./report-page.ts";

const RUN_MS_MAX = 180_000;
const PICTURE_BYTES_MAX = 200_000;
const VIEWS: readonly View[] = [
  { width: 1_280, scheme: "light" },
  { width: 1_280, scheme: "dark" },
  { width: 390, scheme: "light" },
  { width: 390, scheme: "dark" },
];
const EVIL = `<script>document.title="taken"</script><img src="http://192.0.2.1/x.png"> "quoted" 'single' & ${"long".repeat(60)}`;

const NOTHING_DONE = { seconds: 0, scheduled: 0, accepted: 0, rejected: 0, unanswered: 0 };
const ALL_FAILED = { seconds: 9, scheduled: 900, accepted: 0, rejected: 100, unanswered: 800 };
const NO_RATES = { scheduledPerSecond: 0, acceptedPerSecond: 0 };

function seconds(count: number, of: (at: number) => Parameters<typeof intervalOf>[1]): LoadResult["intervals"] {
  return Array.from({ length: count }, (_, at) => intervalOf(at, of(at)));
}

const LOSSES = [{ how: EVIL, count: 3 }];
const WORK = { seconds: 4.2, cpuSecondsPer1000: 0.26 };
const CROWD: ConnectionsResult = {
  dashboards: 10_000,
  active: 1_000,
  walletsEach: 10,
  connecting: WORK,
  following: { seconds: 9.8, cpuSecondsPer1000: null },
  memory: [
    { when: "without", connections: 0, residentBytes: 150e6, heapUsedBytes: 20e6, externalBytes: 4e6 },
    { when: "at the end", connections: null, residentBytes: null, heapUsedBytes: null, externalBytes: null },
  ],
  bytesPerConnection: 1_740,
  bytesPerSubscription: null,
  storm: {
    downSeconds: 1.2,
    stopSeconds: 0.4,
    backSeconds: 4.05,
    attempts: 21_000,
    cpuSecondsPer1000: 0.5,
    listenOverflows: 7_095,
  },
  commands: [
    { name: "before", seconds: 20, answered: 20_000, latency: { p50Ms: 1, p99Ms: 18.9, p999Ms: 30, maxMs: 41 } },
    { name: "storm", seconds: 5, answered: 0, latency: null },
  ],
  streams: {
    states: 100_000,
    resets: 0,
    changes: 40_000,
    conflated: 12,
    faults: 0,
    behind: 0,
    asked: 900,
    unanswered: 0,
    lost: 3,
    losses: LOSSES,
  },
  slow: { opened: 10, ended: LOSSES },
  silent: { opened: 0, ended: [] },
  thresholds: [
    { name: "backSeconds", limit: 10, value: 4.05, passed: true },
    { name: "stormP99Factor", limit: 20, value: null, passed: false },
  ],
};

/** Results that a run seldom comes to, by what is odd about them. */
const ODD: Readonly<Record<string, LoadResult>> = {
  "no request at all": resultOf([], { totals: { ...NOTHING_DONE, ...NO_RATES }, latency: null, curve: [] }),
  "one interval": resultOf([intervalOf(0)]),
  "one interval of which the server tells": resultOf([intervalOf(0, { server: serverSampleOf() })]),
  "errors alone": resultOf(
    seconds(9, () => ({
      acceptedPerSecond: 0,
      errorsPerSecond: 100,
      errors: [
        { code: "no_answer", count: 88 },
        { code: "overloaded", count: 12 },
      ],
      latency: null,
    })),
    {
      verdict: "thresholds_missed",
      totals: { ...ALL_FAILED, ...NO_RATES },
      latency: null,
      curve: [],
      errors: [
        { code: "no_answer", count: 800 },
        { code: "overloaded", count: 100 },
      ],
      thresholds: [
        { name: "p99Ms", bound: "at most", limit: 50, value: null, passed: false },
        { name: "errorRate", bound: "at most", limit: 0, value: 1, passed: false },
        { name: "rateShare", bound: "at least", limit: 0.99, value: 0, passed: false },
      ],
    },
  ),
  "latencies of nothing and of an hour": resultOf(
    seconds(20, (at) => ({ latency: percentilesOf(at % 2 === 0 ? 0 : 3_600_000) })),
  ),
  "a server that is away now and then": resultOf(
    seconds(30, (at) => ({
      latency: at % 3 === 0 ? null : percentilesOf(at),
      server: at % 4 === 0 ? null : serverSampleOf(),
    })),
  ),
  "hours, and more codes than there are colours": resultOf(
    seconds(1_800, (at) => ({
      latency: percentilesOf(1 + (at % 97)),
      errors: Array.from({ length: 10 }, (_, nth) => ({ code: `code_${nth}`, count: 1 + nth })),
      errorsPerSecond: 55,
      server: serverSampleOf({ memoryBytes: at * 1_000_000 }),
    })),
  ),
  "a crowd of dashboards": resultOf([intervalOf(0)], { verdict: "thresholds_missed", connections: CROWD }),
  "hostile names": resultOf(
    seconds(5, () => ({ stage: EVIL.slice(0, 40), errors: [{ code: EVIL, count: 3 }], errorsPerSecond: 3 })),
    {
      verdict: "books_disagree",
      profile: { ...readProfile("smoke"), description: EVIL },
      environment: {
        ...resultOf([]).environment,
        commit: EVIL,
        url: `http://${EVIL}`,
        server: { version: EVIL, node: EVIL },
        settings: { MIZAN_LOAD_P99_MS: EVIL },
      },
      errors: [{ code: EVIL, count: 15 }],
      books: { agree: false, checks: [{ name: "balances", agrees: false, detail: EVIL }] },
      warnings: [EVIL, "stopped early"],
    },
  ),
};

let browser: RealBrowser;
const directory = mkdtempSync(join(tmpdir(), "mizan-report-"));
const ledgerDirectory = scratchDirectory();
const group = new ChildGroup();
beforeAll(async () => {
  if (HAS_BROWSER) browser = await RealBrowser.start();
}, BROWSER_WITHIN_MS);
afterAll(async () => {
  await browser?.close();
  await group.endAll();
  for (const path of [directory, ledgerDirectory]) rmSync(path, { recursive: true });
}, BROWSER_WITHIN_MS);

/** Looks at a page in every view, and returns the words on it. */
async function look(html: string): Promise<string> {
  const path = join(directory, "page.html");
  writeFileSync(path, html);
  let text = "";
  for (const view of VIEWS) {
    const { page, complaints, requests } = await browser.open(pathToFileURL(path).href, view);
    expect({ view, faults: await faultsOf(page), complaints, requests }).toEqual({
      view,
      faults: [],
      complaints: [],
      requests: [],
    });
    text = await page.locator("body").innerText();
    expect(await page.title()).toMatch(/^Mizan load/);
    await page.close();
  }
  return text;
}

/** A few seconds of the smoke profile against a ledger. */
async function shortRun(): Promise<LoadResult> {
  const smoke = readProfile("smoke");
  const stages = smoke.stages.map((stage) => ({ ...stage, durationSeconds: 2, ratePerSecond: 300 }));
  const thresholds = { p50Ms: 60_000, p99Ms: 0.001 };
  const profile = profileSchema.parse({ ...smoke, stages, thresholds, wallets: { ...smoke.wallets, count: 200 } });
  const target = await LoadTarget.open(group, profile, undefined, () => ledgerDirectory);
  try {
    return await new ProfileRun({ group, profile, target, seed: 3, onInterval: () => {} }).run();
  } finally {
    await target.close();
  }
}

describe.skipIf(!HAS_BROWSER)("the report in a browser", () => {
  test("of a real run: verdict, thresholds, books and everything that was seen", { timeout: RUN_MS_MAX }, async () => {
    const result = await shortRun();
    const text = await look(reportPage(result));
    expect(text).toMatch(/failed: 1 of 2 thresholds missed/);
    expect(text).toMatch(/p50 latency\s.*at most 1 min\s+passed/s);
    expect(text).toMatch(/p99 latency\s.*at most 1 µs\s+missed/s);
    for (const { name, detail } of result.books.checks) expect(text).toContain(`${name}\t${detail}`);
    for (const title of [
      "Latency over time",
      "Latency by percentile",
      "Commands a second",
      "Processor",
      "Journal position",
    ]) {
      expect(text).toContain(title);
    }
    expect(text).toMatch(/version of the ledger\s+0\.\d+\.\d+, Node 22\./);
    expect(text).toContain("No command failed.");
    expect(text).toMatch(/transfers\t[\d,]+\t/);
  });

  test.each(Object.entries(ODD))("%s", { timeout: RUN_MS_MAX }, async (name, result) => {
    const text = await look(reportPage(result));
    if (name === "no request at all") expect(text).toContain("Nothing was answered.");
    if (name === "errors alone") expect(text).toMatch(/no_answer\t800\t88\.9 %/);
    if (name === "one interval") expect(text).toContain("The server told nothing");
    if (name === "a crowd of dashboards") {
      expect(text).toMatch(/failed: 1 of \d thresholds missed/);
      expect(text).toMatch(/until all dashboards were back\t4\.05 s\tat most 10\.00 s\t\s*passed/);
      expect(text).toContain(`10 slow clients\tended: 3 × ${EVIL}`);
      expect(text).toMatch(/storm\t5\.00 s\t0\t–/);
    }
    if (name === "hostile names") expect(text).toContain(EVIL);
    if (name.startsWith("hours")) expect(text).toContain("Each point stands for 4 intervals.");
  });

  test("two results side by side", { timeout: RUN_MS_MAX }, async () => {
    const slower = resultOf(seconds(40, () => ({ latency: percentilesOf(30) })));
    const text = await look(comparePage([resultOf(seconds(60, () => ({})))], [slower]));
    expect(text).toMatch(/p99\t4 ms\t30 ms\t7\.50\t.*\tworse/);
    await look(comparePage([ODD["no request at all"]], [ODD["hostile names"]]));
  });

  test("its pictures are small enough to be kept", { timeout: RUN_MS_MAX }, async () => {
    const paths = await takeScreenshots(browser, ODD["hours, and more codes than there are colours"], directory);
    expect(paths).toHaveLength(2);
    for (const path of paths) {
      const png = readFileSync(path);
      expect(png.subarray(1, 4).toString()).toBe("PNG");
      expect(png.readUInt32BE(16)).toBe(1_120);
      expect(png.readUInt32BE(20)).toBeGreaterThan(500);
      expect(png.byteLength).toBeLessThan(PICTURE_BYTES_MAX);
    }
  });

  test("on paper it is light, and folds nothing out", { timeout: RUN_MS_MAX }, async () => {
    const path = join(directory, "paper.html");
    writeFileSync(path, reportPage(ODD["a server that is away now and then"]));
    const { page } = await browser.open(pathToFileURL(path).href, { width: 800, scheme: "dark" });
    await page.emulateMedia({ media: "print" });
    expect(await page.evaluate<string>("getComputedStyle(document.body).backgroundColor")).toBe("rgb(255, 255, 255)");
    expect(await page.locator("details").first().isVisible()).toBe(false);
    expect(await page.locator("figure svg[role=img]").first().isVisible()).toBe(true);
    await page.close();
  });
});

test("the page needs nothing from elsewhere, and its own policy would refuse it", () => {
  const html = reportPage(ODD["hostile names"]);
  expect(html).toContain(`content="default-src 'none'; style-src 'unsafe-inline'; img-src data:"`);
  expect(html).not.toMatch(/<script|<img|<link (?!rel="icon" href="data:,")|@import|url\(/);
});
