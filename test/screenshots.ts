/** `npm run screenshots -- RESULT.json`: takes the pictures that README.md shows of the report of a load. */

import { fileURLToPath } from "node:url";
import { readResult } from "../bench/profiles/compare-results.ts";
import { RealBrowser } from "./real-browser.ts";
import { takeScreenshots } from "./report-screenshots.ts";

const DIRECTORY = fileURLToPath(new URL("../bench/profiles/report/screenshots", import.meta.url));

const [file] = process.argv.slice(2);
if (file === undefined) {
  console.error("usage: npm run screenshots -- RESULT.json");
  process.exitCode = 2;
} else {
  const result = readResult(file);
  const browser = await RealBrowser.start();
  try {
    for (const path of await takeScreenshots(browser, result, DIRECTORY)) console.log(path);
  } finally {
    await browser.close();
  }
}
