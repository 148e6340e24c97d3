import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";

const MAIN = join(import.meta.dirname, "main.ts");
const empty = mkdtempSync(join(tmpdir(), "mizan-no-browser-"));
afterAll(() => rmSync(empty, { recursive: true }));

/** Runs the command where nothing is installed and nothing was fetched. */
function browser(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    env: { PATH: empty, HOME: empty, BROWSER_CACHE_DIR: empty, ...env },
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

test("without a browser and without npm it says what is missing", () => {
  const missing = browser(["fetch"]);
  expect(missing.stderr).toMatch(/there is no npm in PATH|install Chromium and set CHROMIUM_PATH/);
  expect(missing.status).toBe(1);
  expect(browser(["path"])).toMatchObject({ status: 1, stderr: expect.stringMatching(/npm run browser -- fetch/) });
});

test("where it is no more than wished for, that is no failure", () => {
  const wished = browser(["fetch", "--if-possible"]);
  expect(wished.stderr).toMatch(/the tests that need it are skipped/);
  expect(wished.status).toBe(0);
});

test("a browser that is named is taken", () => {
  const named = { CHROMIUM_PATH: "/opt/browser" };
  expect(browser(["path"], named)).toEqual({ status: 0, stdout: "/opt/browser\n", stderr: "" });
  expect(browser(["fetch"], named).stdout).toBe("Chromium is /opt/browser\n");
});
