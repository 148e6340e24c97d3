import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CommandError } from "../command-error.ts";
import { EXIT } from "../exit-code.ts";

/** The version that `go.mod` names; Prometheus 3.13.5 is v0.313.5 as a module. */
const PROMTOOL_VERSION = "0.313.5";

const MODULE = fileURLToPath(new URL(".", import.meta.url));
const PACKAGE = "github.com/prometheus/prometheus/cmd/promtool";
const BUILD_WITHIN_MS = 30 * 60_000;
const OUTPUT_SHOWN_CHARACTERS = 4_000;

/** The directory that keeps promtool between runs: `PROMTOOL_CACHE_DIR`, else the user's cache directory. */
function promtoolDirectory(): string {
  const { PROMTOOL_CACHE_DIR, XDG_CACHE_HOME } = process.env;
  const parent = PROMTOOL_CACHE_DIR ?? join(XDG_CACHE_HOME ?? join(homedir(), ".cache"), "mizan");
  return join(parent, `promtool-${PROMTOOL_VERSION}`);
}

/** Where promtool is, or undefined where it was not fetched yet. */
export function promtoolPath(): string | undefined {
  const path = join(promtoolDirectory(), "promtool");
  return existsSync(path) ? path : undefined;
}

/**
 * Returns where promtool is, and builds it from its Go modules where it is not there yet.
 *
 * `go.sum` has the checksums of everything. It gets its name only when it is built, so a build that was cut off counts for
 * nothing; of two at once the last one stays, and both are the same.
 *
 * **Errors**: `go_missing`, `build_failed`.
 */
export async function fetchPromtool(say: (line: string) => void): Promise<string> {
  const found = promtoolPath();
  if (found !== undefined) return found;
  const directory = promtoolDirectory();
  mkdirSync(directory, { recursive: true });
  const scratch = mkdtempSync(join(directory, ".build-"));
  try {
    say(`building promtool ${PROMTOOL_VERSION} with Go into ${directory} (once, some minutes)`);
    await build(scratch);
    const path = join(directory, "promtool");
    renameSync(join(scratch, "promtool"), path);
    return path;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function build(scratch: string): Promise<void> {
  // What finds the targets of a Prometheus server is most of the code, and promtool needs none of it here.
  const args = ["build", "-tags", "remove_all_sd", "-trimpath", "-ldflags", "-s -w", "-o", join(scratch, "promtool")];
  const go = spawn("go", [...args, PACKAGE], {
    cwd: MODULE,
    stdio: ["ignore", "pipe", "pipe"],
    signal: AbortSignal.timeout(BUILD_WITHIN_MS),
    env: {
      ...process.env,
      GOMODCACHE: join(scratch, "modules"),
      GOCACHE: join(scratch, "objects"),
      GOFLAGS: "-mod=readonly -modcacherw -buildvcs=false",
    },
  });
  let output = "";
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-OUTPUT_SHOWN_CHARACTERS);
  };
  go.stdout.on("data", keep);
  go.stderr.on("data", keep);
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    go.on("error", reject);
    go.on("close", resolve);
  }).catch((cause: NodeJS.ErrnoException) => {
    const message = `Go builds promtool ${PROMTOOL_VERSION}, and `;
    if (cause.code === "ENOENT") {
      throw new CommandError(EXIT.problems, "go_missing", `${message}there is no go in PATH (1.26 or later)`, {
        cause,
      });
    }
    throw new CommandError(EXIT.problems, "build_failed", `${message}failed: ${cause.message}`, { cause });
  });
  if (exitCode === 0) return;
  throw new CommandError(EXIT.problems, "build_failed", `Go could not build promtool ${PROMTOOL_VERSION}:\n${output}`);
}
