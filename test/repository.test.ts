import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  anyTypes,
  FILE_LINES_MAX,
  importCycles,
  inspect,
  isSourcePath,
  leftovers,
  overlongFiles,
  type SourceFacts,
  unknownFolders,
  unparsable,
  wrongWayImports,
} from "./repository-rules.ts";

const ROOT = join(import.meta.dirname, "..");
const NOT_OURS = new Set(["node_modules", "data", "coverage", "results"]);

function sourcePaths(folder = ""): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    if (entry.name.startsWith(".") || NOT_OURS.has(entry.name)) return [];
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return sourcePaths(path);
    return isSourcePath(path) ? [path] : [];
  });
}

/** Facts of files that only exist here: path → text. */
function given(files: Record<string, string>): SourceFacts[] {
  return Object.entries(files).map(([path, text]) => inspect({ path, text }));
}

describe("this repository", () => {
  const files = sourcePaths().map((path) => inspect({ path, text: readFileSync(join(ROOT, path), "utf8") }));

  test("is found by the rules", () => {
    expect(files.map((file) => file.path)).toContain("test/repository-rules.ts");
    expect(unparsable(files)).toEqual([]);
  });
  test("has no top folder without a layer", () => expect(unknownFolders(files)).toEqual([]));
  test("imports one way between folders", () => expect(wrongWayImports(files)).toEqual([]));
  test("has no import cycle", () => expect(importCycles(files)).toEqual([]));
  test(`has no file above ${FILE_LINES_MAX} lines without a reason`, () => expect(overlongFiles(files)).toEqual([]));
  test("has no unfinished work in comments", () => expect(leftovers(files)).toEqual([]));
  test("has no any", () => expect(anyTypes(files)).toEqual([]));
});

describe("inspect", () => {
  test.each([
    ["a static import", `import { a } from "./b.ts";`],
    ["a type import", `import type { A } from "./b.ts";`],
    ["an import for its effect", `import "./b.ts";`],
    ["a re-export of names", `export { a } from "./b.ts";`],
    ["a re-export of everything", `export * from "./b.ts";`],
    ["a re-export of a type", `export type { A } from "./b.ts";`],
    ["a dynamic import", `await import("./b.ts");`],
    ["an import type", `let a: import("./b.ts").A;`],
    ["a worker entry", `new Worker(new URL("./b.ts", import.meta.url));`],
  ])("sees %s", (_name, text) => {
    expect(inspect({ path: "engine/a.ts", text }).imports).toEqual([{ target: "engine/b.ts", line: 1 }]);
  });

  test.each([
    ["a package", `import { z } from "zod";`],
    ["a built-in module", `import { join } from "node:path";`],
    ["an import in a comment", `// import "./b.ts";`],
    ["an import in a string", `const text = 'import "./b.ts"';`],
    ["a data file beside the module", `new URL("./page.html", import.meta.url);`],
  ])("does not count %s", (_name, text) => {
    expect(inspect({ path: "engine/a.ts", text }).imports).toEqual([]);
  });
});

describe("the rules can fail", () => {
  test("on a file that does not parse", () => {
    expect(unparsable(given({ "engine/a.ts": "const = 1;" }))).toHaveLength(1);
  });

  test("on a folder without a layer", () => {
    expect(unknownFolders(given({ "scripts/a.ts": "", "engine/a.ts": "", "root.config.ts": "" }))).toEqual([
      "scripts/: not in LAYERS",
    ]);
  });

  test.each([
    ["protocol/a.ts", "../engine/b.ts"],
    ["snapshots/a.ts", "../client/b.ts"],
    ["client/a.ts", "../snapshots/b.ts"],
    ["engine/a.ts", "../gateway/b.ts"],
    ["engine/wallet/a.ts", "../../gateway/b.ts"],
    ["engine/a.ts", "../client/b.ts"],
    ["replicator/a.ts", "../gateway/b.ts"],
    ["gateway/a.ts", "../client/b.ts"],
    ["gateway/a.ts", "../deploy/b.ts"],
    ["gateway/a.ts", "../bench/b.ts"],
    ["gateway/a.ts", "../test/b.ts"],
    ["bench/a.ts", "../deploy/b.ts"],
    ["engine/a.test.ts", "../gateway/b.ts"],
  ])("on %s importing %s", (path, specifier) => {
    expect(wrongWayImports(given({ [path]: `import type { B } from "${specifier}";` }))).toHaveLength(1);
  });

  test.each([
    ["engine/a.ts", "../snapshots/b.ts"],
    ["engine/wallet/a.ts", "../b.ts"],
    ["gateway/a.ts", "../engine/b.ts"],
    ["gateway/a.ts", "../package.json"],
    ["gateway/a.test.ts", "../client/b.ts"],
    ["engine/a.test.ts", "../test/b.ts"],
    ["deploy/a.ts", "../gateway/b.ts"],
    ["test/a.ts", "../deploy/b.ts"],
  ])("but not on %s importing %s", (path, specifier) => {
    expect(wrongWayImports(given({ [path]: `import type { B } from "${specifier}";` }))).toEqual([]);
  });

  test("on a cycle", () => {
    const cycle = given({
      "engine/a.ts": `import "./b.ts";`,
      "engine/b.ts": `import type { C } from "./c.ts";`,
      "engine/c.ts": `new URL("./b.ts", import.meta.url);`,
    });
    expect(importCycles(cycle)).toEqual(["engine/b.ts → engine/c.ts → engine/b.ts"]);
    expect(importCycles(given({ "engine/a.ts": `import "./a.ts";` }))).toEqual(["engine/a.ts → engine/a.ts"]);
  });

  test("but not on two ways to the same file", () => {
    const diamond = given({
      "engine/a.ts": `import "./b.ts"; import "./c.ts";`,
      "engine/b.ts": `import "./d.ts";`,
      "engine/c.ts": `import "./d.ts";`,
      "engine/d.ts": "",
    });
    expect(importCycles(diamond)).toEqual([]);
  });

  test("on a long file, unless it is listed or generated", () => {
    const atLimit = "\n".repeat(FILE_LINES_MAX);
    const long = given({ "engine/a.ts": `${atLimit}\n` });
    expect(overlongFiles(given({ "engine/a.ts": atLimit }), {})).toEqual([]);
    expect(overlongFiles(long, {})).toEqual(["engine/a.ts: 401 lines, at most 400"]);
    expect(overlongFiles(long, { "engine/a.ts": "one table" })).toEqual([]);
    expect(overlongFiles(given({ "engine/a.ts": `// @generated by x\n${atLimit}` }), {})).toEqual([]);
    expect(overlongFiles([], { "engine/a.ts": "one table" })).toHaveLength(1);
  });

  test("on unfinished work, in comments only", () => {
    const text = `const TODO = "FIXME";\n// TODO later\n/* a\n FIXME */`;
    expect(leftovers(given({ "engine/a.ts": text }))).toEqual([
      "engine/a.ts:2: unfinished work",
      "engine/a.ts:3: unfinished work",
    ]);
  });

  test("on any, as a type only", () => {
    const text = `const any = "any"; // any\nlet a: any;\nlet b = a as Array<any>;`;
    expect(anyTypes(given({ "engine/a.ts": text }))).toEqual(["engine/a.ts:2: any", "engine/a.ts:3: any"]);
  });
});
