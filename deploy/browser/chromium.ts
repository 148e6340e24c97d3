import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import {
  accessSync,
  chmodSync,
  constants,
  createReadStream,
  createWriteStream,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { createBrotliDecompress } from "node:zlib";
import { CommandError } from "../command-error.ts";
import { EXIT } from "../exit-code.ts";

/** The package that carries Chromium for Linux on x64, with the libraries and a font that it needs; MIT and BSD. */
const PACKAGE = "@sparticuz/chromium";
const PACKAGE_VERSION = "153.0.0";
const PACKAGE_SHA512 = "jiGWqSvPMdu4+P9TilYqAR7yEGPEHINx+lCvE/NqNO/EHYzF/x1hUiI5T6ioVIt7dEy7n88byyT0vk+dnsgQwA==";

/** Names under which a browser that is installed is looked for. */
const INSTALLED_NAMES = ["chromium", "chromium-browser", "google-chrome"];
const FETCH_WITHIN_MS = 10 * 60_000;
const OUTPUT_BYTES_MAX = 1_048_576;
const LINES_SHOWN_MAX = 4;
const ARCHIVES = ["al2023", "fonts", "swiftshader"];
const run = promisify(execFile);

/** The directory that keeps the browser between runs: `BROWSER_CACHE_DIR`, else the user's cache directory. */
function browserDirectory(): string {
  const { BROWSER_CACHE_DIR, XDG_CACHE_HOME } = process.env;
  const parent = BROWSER_CACHE_DIR ?? join(XDG_CACHE_HOME ?? join(homedir(), ".cache"), "mizan");
  return join(parent, `chromium-${PACKAGE_VERSION}`);
}

/**
 * Where a Chromium is that can be started: the one that `CHROMIUM_PATH` names, one on `PATH`, or the one that was fetched;
 * undefined where there is none.
 */
export function browserPath(): string | undefined {
  const { CHROMIUM_PATH, PATH = "" } = process.env;
  if (CHROMIUM_PATH !== undefined && CHROMIUM_PATH !== "") return CHROMIUM_PATH;
  const installed = PATH.split(delimiter).flatMap((directory) => INSTALLED_NAMES.map((name) => join(directory, name)));
  return [...installed, join(browserDirectory(), "chromium")].find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Returns where Chromium is, and fetches it with npm where there is none.
 *
 * It gets its name only when all of it is there and it has told its version, so a fetch that was cut off counts for nothing;
 * of two at once the first one wins.
 *
 * **Errors**: `browser_unsupported`, `npm_missing`, `fetch_failed`, `checksum_mismatch`, `browser_broken`.
 */
export async function fetchBrowser(say: (line: string) => void): Promise<string> {
  const found = browserPath();
  if (found !== undefined) return found;
  if (process.platform !== "linux" || process.arch !== "x64") {
    const message = `${PACKAGE} is for Linux on x64; install Chromium and set CHROMIUM_PATH`;
    throw new CommandError(EXIT.problems, "browser_unsupported", message);
  }
  const directory = browserDirectory();
  mkdirSync(join(directory, ".."), { recursive: true });
  const scratch = mkdtempSync(join(directory, "..", ".chromium-"));
  try {
    say(`fetching Chromium (${PACKAGE} ${PACKAGE_VERSION}) with npm into ${directory} (70 MB, once)`);
    await unpack(await downloadPackage(scratch), scratch);
    await assertStarts(writeStarter(scratch));
    moveInto(scratch, directory);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return join(directory, "chromium");
}

function moveInto(scratch: string, directory: string): void {
  try {
    renameSync(scratch, directory);
  } catch (error) {
    if (!isExecutable(join(directory, "chromium"))) throw error;
  }
}

async function downloadPackage(scratch: string): Promise<string> {
  const args = ["pack", `${PACKAGE}@${PACKAGE_VERSION}`, "--ignore-scripts", "--pack-destination", scratch];
  try {
    await run("npm", args, { cwd: scratch, timeout: FETCH_WITHIN_MS, maxBuffer: OUTPUT_BYTES_MAX });
  } catch (error) {
    const cause = error as NodeJS.ErrnoException & { stderr?: string };
    const message = `npm fetches ${PACKAGE} ${PACKAGE_VERSION}, and `;
    if (cause.code === "ENOENT") {
      throw new CommandError(EXIT.problems, "npm_missing", `${message}there is no npm in PATH`, { cause });
    }
    const said = (cause.stderr ?? "").split("\n").filter((line) => /^npm error [^ ]/.test(line));
    const reason = said.slice(0, LINES_SHOWN_MAX).join("\n") || cause.message;
    throw new CommandError(EXIT.problems, "fetch_failed", `${message}failed:\n${reason}`, { cause });
  }
  const archive = join(scratch, `sparticuz-chromium-${PACKAGE_VERSION}.tgz`);
  const found = createHash("sha512").update(readFileSync(archive)).digest("base64");
  if (found !== PACKAGE_SHA512) {
    const message = `${PACKAGE} ${PACKAGE_VERSION} has the SHA-512 ${found} in place of ${PACKAGE_SHA512}`;
    throw new CommandError(EXIT.problems, "checksum_mismatch", message);
  }
  return archive;
}

async function unpack(archive: string, directory: string): Promise<void> {
  await run("tar", ["xzf", archive, "-C", directory]);
  const packed = join(directory, "package", "bin");
  for (const name of ARCHIVES) {
    const tar = join(directory, `${name}.tar`);
    await inflate(join(packed, `${name}.tar.br`), tar);
    await run("tar", ["xf", tar, "--no-same-owner", "-C", directory]);
    rmSync(tar);
  }
  await inflate(join(packed, "chromium.br"), join(directory, "chromium-binary"));
  chmodSync(join(directory, "chromium-binary"), 0o755);
  rmSync(archive);
  rmSync(join(directory, "package"), { recursive: true });
}

async function inflate(from: string, to: string): Promise<void> {
  await pipeline(createReadStream(from), createBrotliDecompress(), createWriteStream(to));
}

/** Writes what starts the browser with the libraries and the font that came with it, and returns its path. */
function writeStarter(directory: string): string {
  const path = join(directory, "chromium");
  writeFileSync(
    join(directory, "fonts.conf"),
    `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir prefix="relative">fonts</dir>
  <cachedir prefix="xdg">fonts-cache</cachedir>
</fontconfig>
`,
  );
  writeFileSync(
    path,
    `#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
export LD_LIBRARY_PATH="$here/lib:$here" FONTCONFIG_PATH="$here" XDG_CACHE_HOME="$here"
exec "$here/chromium-binary" "$@"
`,
    { mode: 0o755 },
  );
  return path;
}

async function assertStarts(path: string): Promise<void> {
  try {
    await run(path, ["--version"], { timeout: FETCH_WITHIN_MS });
  } catch (cause) {
    const message = `Chromium was fetched and does not start here: ${(cause as Error).message}`;
    throw new CommandError(EXIT.problems, "browser_broken", message, { cause });
  }
}
