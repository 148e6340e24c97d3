import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { browserPath } from "../deploy/browser/chromium.ts";

/** Starting a browser on a busy machine, and what a page does in it. */
export const BROWSER_WITHIN_MS = 120_000;

/** Whether there is a browser; tests that need one are skipped by name where there is none. */
export const HAS_BROWSER = browserPath() !== undefined;

/** As root, and on a network that leads nowhere. */
const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--font-render-hinting=none",
];

/** How a page is looked at. */
export interface View {
  readonly width: number;
  readonly scheme: "light" | "dark";
}

/** A page in the browser, and what went wrong or went out while it was open. */
export interface OpenPage {
  readonly page: Page;
  /** Errors and warnings of the console, and exceptions of scripts. */
  readonly complaints: readonly string[];
  /** Everything that it asked for beside itself. */
  readonly requests: readonly string[];
}

/** Chromium without a window, with an empty profile of its own. */
export class RealBrowser {
  readonly #context: BrowserContext;
  readonly #profile: string;

  private constructor(context: BrowserContext, profile: string) {
    this.#context = context;
    this.#profile = profile;
  }

  /** **Errors**: throws where there is no browser. */
  static async start(headers: Readonly<Record<string, string>> = {}): Promise<RealBrowser> {
    const executablePath = browserPath();
    if (executablePath === undefined) throw new Error("there is no browser: npm run browser -- fetch");
    const profile = mkdtempSync(join(tmpdir(), "mizan-browser-"));
    const context = await chromium.launchPersistentContext(profile, {
      executablePath,
      headless: true,
      args: ARGUMENTS,
      timeout: BROWSER_WITHIN_MS,
      extraHTTPHeaders: { ...headers },
    });
    context.setDefaultTimeout(BROWSER_WITHIN_MS);
    return new RealBrowser(context, profile);
  }

  /** Opens a page; whatever else than itself it asks for is noted down, and refused. */
  async open(url: string, { width, scheme }: View): Promise<OpenPage> {
    const page = await this.#context.newPage();
    const complaints: string[] = [];
    const requests: string[] = [];
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(error.message));
    await page.route("**/*", (route) => {
      if (route.request().url() === url) return route.continue();
      requests.push(route.request().url());
      return route.abort();
    });
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme: scheme });
    await page.goto(url);
    return { page, complaints, requests };
  }

  async close(): Promise<void> {
    await this.#context.close();
    rmSync(this.#profile, { recursive: true, force: true });
  }
}

const FAULTS = readFileSync(new URL("./page-faults.js", import.meta.url), "utf8");

/** What a reader would find wrong with a page: too wide, plots without marks, text that can hardly be read. */
export function faultsOf(page: Page): Promise<string[]> {
  return page.evaluate<string[]>(FAULTS);
}
