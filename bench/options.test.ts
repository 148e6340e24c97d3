import { describe, expect, test } from "vitest";
import { parseOptions } from "./options.ts";
import { isRowName } from "./row-names.ts";
import { SUITE_NAMES, SUITES } from "./suites.ts";

describe("options", () => {
  test("are all off where none is given", () => {
    expect(parseOptions([])).toEqual({
      quick: false,
      jsonPath: undefined,
      only: [],
      profileDir: undefined,
      against: undefined,
      rounds: 6,
    });
  });

  test("are read from the command line", () => {
    expect(
      parseOptions(["--quick", "--json", "out.jsonl", "--only", "rest-1,limit-lmdb", "--profile", "prof"]),
    ).toEqual({
      quick: true,
      jsonPath: "out.jsonl",
      only: ["rest-1", "limit-lmdb"],
      profileDir: "prof",
      against: undefined,
      rounds: 6,
    });
    expect(parseOptions(["--against", "HEAD~3", "--rounds", "12"])).toMatchObject({ against: "HEAD~3", rounds: 12 });
  });

  test.each(SUITE_NAMES)("a suite stands for its rows: %s", (suite) => {
    const { only } = parseOptions(["--suite", suite]);
    expect(only).toEqual(SUITES[suite]);
    expect(only.every(isRowName)).toBe(true);
  });

  test.each([
    ["a row that does not exist", ["--only", "rest-1,rest-2"], /no such row: rest-2/],
    ["a suite that does not exist", ["--suite", "rest-1"], /no such suite: rest-1/],
    ["a suite and rows", ["--suite", "clients", "--only", "rest-1"], /--only/],
    ["an option that does not exist", ["--fast"], /--fast/],
    ["rounds of nothing", ["--rounds", "3"], /--against/],
    ["rounds that are no number", ["--against", "HEAD", "--rounds", "many"], /from 1 to 100/],
    ["a profile of two versions", ["--against", "HEAD", "--profile", "prof"], /--profile/],
    ["a file left out", ["--json"], /--json/],
    ["an argument without an option", ["rest-1"], /rest-1/],
  ])("refuse %s", (_name, args, message) => {
    expect(() => parseOptions(args)).toThrow(message);
  });
});
