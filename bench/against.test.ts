import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type AgainstOptions, formatAgainst, runAgainst } from "./against.ts";
import { ChildGroup } from "./child-group.ts";

let root: string;
let directory: string;
let runs: string;

function git(...args: string[]): string {
  const author = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"];
  return execFileSync("git", ["-C", root, ...author, ...args], { encoding: "utf8" });
}

/** Commits a benchmark that has these rows; it notes what it is asked for and answers with one rate for all. */
function commitVersion(rate: number, rows: readonly string[]): void {
  writeFileSync(join(root, "bench/row-names.ts"), `export const ROW_NAMES = ${JSON.stringify(rows)};\n`);
  writeFileSync(
    join(root, "bench/main.ts"),
    `import { appendFileSync } from "node:fs";
    const [, , , name, , path, ...more] = process.argv;
    appendFileSync(${JSON.stringify(runs)}, [${rate}, name, ...more].join(" ") + "\\n");
    if (name === "broken") throw new Error("the disk is full");
    const line = { name, rate: ${rate}, unit: "transfers/s", p99Ms: name === "bare" ? null : ${1_000 / rate} };
    appendFileSync(path, JSON.stringify(line) + "\\n");\n`,
  );
  git("add", ".");
  git("commit", "--quiet", "--message", `rate ${rate}`);
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "against-"));
  runs = join(root, "runs.txt");
  directory = join(root, ".cache");
  mkdirSync(join(root, "bench"));
  mkdirSync(directory);
  writeFileSync(join(root, ".gitignore"), ".cache\nruns.txt\n");
  git("init", "--quiet");
  commitVersion(100, ["bare", "wire", "broken", "old"]);
  commitVersion(200, ["new", "wire", "bare", "broken"]);
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

const options = (more: Partial<AgainstOptions>): AgainstOptions => ({
  root,
  directory,
  ref: "HEAD~1",
  quick: false,
  only: ["wire", "bare"],
  rounds: 2,
  ...more,
});

describe("this version against another one", () => {
  test("each begins every other round, and rows come in the order of this one", async () => {
    const seen: string[] = [];
    const rows = await runAgainst(new ChildGroup(), options({ rounds: 3, quick: true }), ({ name }) => seen.push(name));
    expect(seen).toEqual(["wire", "bare"]);
    expect(rows).toEqual([
      {
        name: "wire",
        unit: "transfers/s",
        rate: { here: [200, 200, 200], there: [100, 100, 100] },
        p99: { here: [5, 5, 5], there: [10, 10, 10] },
      },
      { name: "bare", unit: "transfers/s", rate: { here: [200, 200, 200], there: [100, 100, 100] }, p99: null },
    ]);
    const order = readFileSync(runs, "utf8").split("\n");
    expect(order.slice(0, 6)).toEqual([200, 100, 100, 200, 200, 100].map((rate) => `${rate} wire --quick`));
  });

  test("the table says what is better, what is worse and what cannot be told", () => {
    const same = Array.from({ length: 6 }, () => 1_000);
    const more = Array.from({ length: 6 }, () => 1_500);
    const noise = [900, 1_100, 1_000, 950, 1_200, 1_000];
    const row = (name: string, here: number[], there: number[]) => ({
      name,
      unit: "transfers/s",
      rate: { here, there },
    });
    const table = formatAgainst([
      { ...row("up", more, same), p99: { here: more, there: same } },
      { ...row("noise", noise, same), p99: null },
      { ...row("once", [1], [1]), p99: null },
    ]).split("\n");
    expect(table[2]).toMatch(/up, transfers\/s .* 1,500 \(1,500 – 1,500\) .* 1\.50 \| +1\.50 – 1\.50 \| better/);
    expect(table[3]).toMatch(/up, p99 ms .* 1\.50 .* worse/);
    expect(table[4]).toMatch(/noise.* 1\.00 \| +0\.90 – 1\.20 \| no difference seen/);
    expect(table[5]).toMatch(/once.*too few rounds/);
  });

  test("rows that both have are run where none is named; one that fails says why, and leaves nothing behind", async () => {
    const seen: string[] = [];
    const all = runAgainst(new ChildGroup(), options({ only: [], rounds: 1 }), ({ name }) => seen.push(name));
    await expect(all).rejects.toThrow(/broken failed[\s\S]*the disk is full/);
    expect(seen).toEqual(["wire", "bare"]);
    expect(existsSync(join(directory, "other"))).toBe(false);
    expect(git("worktree", "list").trim().split("\n")).toHaveLength(1);
  });

  test.each<[string, Partial<AgainstOptions>, RegExp]>([
    ["a row that the other version does not have", { only: ["new"] }, /has no row new/],
    ["a version that there is not", { ref: "nowhere" }, /nowhere/],
  ])("refuses %s", async (_name, more, message) => {
    await expect(runAgainst(new ChildGroup(), options(more), () => {})).rejects.toThrow(message);
  });
});
