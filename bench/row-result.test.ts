import { describe, expect, test } from "vitest";
import { bottlenecks, jsonLine, type RowResult } from "./row-result.ts";

const MACHINE = { commit: "abc1234", node: "v22.0.0", cpu: "Test × 2" };

const ROW: RowResult = {
  name: "wire-binary-100",
  rate: 1_234_567.8,
  unit: "transfers/s",
  latency: { p50Ms: 0.4, p99Ms: 1.2, p999Ms: 3 },
  generatorCores: 0.5,
  serverCpu: { mainCores: 0.4, otherCores: 0.6 },
  sendLagP99Ms: null,
  strangerCores: 0.1,
  notes: ["a note"],
  failure: null,
  limitName: "limit-lmdb",
  ratio: 0.456789,
};

describe("JSON line", () => {
  test("has the fields that others read, and no others", () => {
    expect(JSON.parse(JSON.stringify(jsonLine(ROW, MACHINE)))).toStrictEqual({
      name: "wire-binary-100",
      rate: 1_234_568,
      unit: "transfers/s",
      p50Ms: 0.4,
      p99Ms: 1.2,
      p999Ms: 3,
      limitName: "limit-lmdb",
      ratio: 0.4568,
      ...MACHINE,
    });
  });

  test("says null for what a row does not have, and never leaves a field out", () => {
    const line = jsonLine({ ...ROW, latency: null, limitName: null, ratio: null }, MACHINE);
    expect(Object.keys(JSON.parse(JSON.stringify(line)))).toEqual(Object.keys(jsonLine(ROW, MACHINE)));
    expect(line).toMatchObject({ p50Ms: null, p99Ms: null, p999Ms: null, limitName: null, ratio: null });
  });
});

describe("bottlenecks", () => {
  test.each([
    ["none, with room left", {}, 4, []],
    ["the generator, from 0.9 of a core on", { generatorCores: 0.9 }, 4, ["generator-bound"]],
    ["an open loop that runs late", { sendLagP99Ms: 1.1 }, 4, ["generator late"]],
    [
      "the machine, where its cores are all in use",
      { serverCpu: { mainCores: 0.6, otherCores: 0.85 } },
      2,
      ["all cores busy"],
    ],
    ["other programs that took a quarter of a core", { strangerCores: 0.3 }, 4, ["disturbed: others used 0.30 cores"]],
    ["nothing where no generator ran", { generatorCores: null, sendLagP99Ms: 5 }, 1, []],
  ])("are %s", (_name, change, cores, expected) => {
    expect(bottlenecks({ ...ROW, ...change }, cores)).toEqual(expected);
  });
});
