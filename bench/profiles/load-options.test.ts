import { describe, expect, test } from "vitest";
import { parseLoadCommand } from "./load-options.ts";

describe("command line of a load", () => {
  test("a profile", () => {
    expect(parseLoadCommand(["smoke", "--out", "x.json", "--suite"])).toEqual({
      command: "run",
      profile: "smoke",
      out: "x.json",
      withSuite: true,
      isJson: false,
    });
  });

  test("results in pairs", () => {
    const files = ["a", "b", "c", "d"];
    expect(parseLoadCommand(["compare", ...files])).toEqual({
      command: "compare",
      files,
      html: undefined,
      isJson: false,
    });
    expect(parseLoadCommand(["compare", "a", "b", "--html", "c.html"])).toMatchObject({ html: "c.html" });
  });

  test("a report of a result", () => {
    const command = { command: "report", file: "a.json", out: undefined, isJson: false };
    expect(parseLoadCommand(["report", "a.json"])).toEqual(command);
    expect(parseLoadCommand(["report", "a.json", "--out", "b.html"])).toEqual({ ...command, out: "b.html" });
  });

  test.each([
    ["10ms", 10],
    ["2.5ms", 2.5],
    ["1s", 1_000],
    ["7", 7],
  ])("the threshold of a capacity search: %s", (text, p99Ms) => {
    expect(parseLoadCommand(["capacity", "--p99", text])).toMatchObject({
      command: "capacity",
      p99Ms,
      profile: "load",
    });
  });

  test("other servers, and scaling", () => {
    const quick = { isQuick: true, out: undefined, isJson: false };
    expect(parseLoadCommand(["peers", "--quick", "--only", "redis,mizan"])).toEqual({
      command: "peers",
      only: ["mizan", "redis"],
      ...quick,
    });
    expect(parseLoadCommand(["scaling", "--quick"])).toEqual({ command: "scaling", ...quick });
  });

  test.each([
    [["peers", "--only", "oracle"], /no such peer: oracle/],
    [["scaling", "--only", "redis"], /--only does not go with scaling/],
    [["smoke", "--quick"], /--quick does not go with smoke/],
    [["capacity"], /--p99/],
    [["capacity", "--p99", "soon"], /10ms/],
    [["capacity", "--p99", "1s", "--from", "9", "--max", "8"], /--from/],
    [["compare", "a"], /pairs/],
    [["compare", "a", "b", "c"], /pairs/],
    [["report"], /report RESULT\.json/],
    [["report", "a", "b"], /report RESULT\.json/],
    [["report", "a", "--suite"], /--suite does not go with report/],
    [["smoke", "--html", "a"], /--html does not go with smoke/],
    [["smoke", "load"], /what is load/],
    [["smoke", "--p99", "1ms"], /--p99 does not go with smoke/],
    [["smoke", "--fast"], /fast/],
  ])("what is wrong is named: %s", (args, message) => {
    expect(() => parseLoadCommand(args)).toThrow(message);
  });

  test("without anything it helps", () => {
    expect(parseLoadCommand([])).toEqual({ command: "help" });
  });
});
