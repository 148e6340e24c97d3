import { describe, expect, test } from "vitest";
import { parseOptions } from "./options.ts";

describe("options", () => {
  test("are all off where none is given", () => {
    expect(parseOptions([])).toEqual({ quick: false, jsonPath: undefined, only: [], profileDir: undefined });
  });

  test("are read from the command line", () => {
    expect(
      parseOptions(["--quick", "--json", "out.jsonl", "--only", "rest-1,limit-lmdb", "--profile", "prof"]),
    ).toEqual({
      quick: true,
      jsonPath: "out.jsonl",
      only: ["rest-1", "limit-lmdb"],
      profileDir: "prof",
    });
  });

  test.each([
    ["a row that does not exist", ["--only", "rest-1,rest-2"], /no such row: rest-2/],
    ["an option that does not exist", ["--fast"], /--fast/],
    ["a file left out", ["--json"], /--json/],
    ["an argument without an option", ["rest-1"], /rest-1/],
  ])("refuse %s", (_name, args, message) => {
    expect(() => parseOptions(args)).toThrow(message);
  });
});
