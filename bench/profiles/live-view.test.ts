import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { intervalOf, serverSampleOf } from "../../test/load-results.ts";
import { LiveView } from "./live-view.ts";
import { readProfile } from "./profile.ts";

const INTERVAL = intervalOf(3, {
  acceptedPerSecond: 998,
  errorsPerSecond: 2,
  latency: { p50Ms: 0.5, p90Ms: 1, p99Ms: 4.25, p999Ms: 9, p9999Ms: 9, maxMs: 12 },
  server: serverSampleOf(),
});

/** What a view writes for two intervals. */
function written(isTTY: boolean): string {
  let text = "";
  const view = new LiveView(readProfile("smoke"), {
    isTTY,
    columns: 100,
    write: (more: string) => {
      text += more;
    },
  });
  view.show(INTERVAL);
  view.show({ ...INTERVAL, atSeconds: 4, latency: null, server: null });
  return text;
}

test("elsewhere than on a terminal, a plain line for each interval", () => {
  const lines = written(false).split("\n");
  expect(lines).toHaveLength(3);
  expect(lines[0]).toMatch(
    /998\/s of 1,000.*p50 0\.500 p99 4\.3 p99\.9 9\.0 ms.*2 errors.*0\.75 cores.*3 MB.*Kafka lag 17/,
  );
  expect(lines[1]).toMatch(/nothing answered.*server – cores/);
  expect(written(false)).not.toContain("\u001b");
});

test("on a terminal, one block that is drawn over itself and fits its width", () => {
  const text = written(true);
  const height = text.split("\u001b[8A")[0].split("\n").length - 1;
  expect(height).toBe(8);
  expect(text).toContain("Kafka 17 records");
  for (const line of stripVTControlCharacters(text).split("\n")) expect(line.length).toBeLessThan(100);
});
