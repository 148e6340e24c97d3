/** The client runs where there is no Node: nothing that it reaches names a package, a Node module or a Node global. */

import { readFileSync } from "node:fs";
import { posix } from "node:path";
import { expect, test } from "vitest";
import { inspect } from "../test/repository-rules.ts";

const ROOT = new URL("..", import.meta.url);

/** The sources that an entry reaches, with their texts. */
function reached(entry: string): Map<string, string> {
  const sources = new Map<string, string>();
  const open = [entry];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (sources.has(path)) continue;
    const text = readFileSync(new URL(path, ROOT), "utf8");
    sources.set(path, text);
    open.push(...inspect({ path, text }).imports.map(({ target }) => posix.normalize(target)));
  }
  return sources;
}

test("from its entry on, the client uses the platform alone", () => {
  const sources = reached("client/index.ts");
  expect(sources.size).toBeGreaterThan(25);
  for (const [path, text] of sources) {
    expect([path, [...text.matchAll(/\bfrom "([^."][^"]*)"/g)].map(([, name]) => name)]).toEqual([path, []]);
    const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");
    expect([path, code.match(/\b(?:Buffer|process|global|require|setImmediate|__dirname)\b/g)]).toEqual([path, null]);
  }
});
