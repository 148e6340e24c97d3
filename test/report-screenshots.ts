import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { LoadResult } from "../bench/load/result.ts";
import { reportPage } from "../bench/profiles/report/report-page.ts";
import type { RealBrowser, View } from "./real-browser.ts";

const MARGIN_PX = 24;

/** What README.md shows of a report: from the top of one element to the bottom of another. */
const SHOTS: readonly (View & { readonly name: string; readonly from: string; readonly to: string })[] = [
  { name: "report-light", width: 1_120, scheme: "light", from: "header", to: "#curve" },
  { name: "report-dark", width: 1_120, scheme: "dark", from: "#server", to: "#journal-position" },
];

/** Takes the pictures of a result's report into a directory, and returns their paths. */
export async function takeScreenshots(browser: RealBrowser, result: LoadResult, directory: string): Promise<string[]> {
  const scratch = mkdtempSync(join(tmpdir(), "mizan-screenshots-"));
  const file = join(scratch, "report.html");
  const paths: string[] = [];
  try {
    mkdirSync(directory, { recursive: true });
    writeFileSync(file, reportPage(result));
    for (const { name, from, to, ...view } of SHOTS) {
      const { page } = await browser.open(pathToFileURL(file).href, view);
      const [first, last] = [await page.locator(from).boundingBox(), await page.locator(to).boundingBox()];
      if (first === null || last === null) throw new Error(`the report has no ${first === null ? from : to}`);
      const y = Math.max(0, first.y - MARGIN_PX);
      const path = join(directory, `${name}.png`);
      const clip = { x: 0, y, width: view.width, height: last.y + last.height - y };
      await page.screenshot({ path, clip, fullPage: true });
      await page.close();
      paths.push(path);
    }
  } finally {
    rmSync(scratch, { recursive: true });
  }
  return paths;
}
