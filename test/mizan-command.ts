import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const MIZAN = fileURLToPath(new URL("../deploy/mizan.js", import.meta.url));

/** What a `mizan` command came to. */
export interface CommandOutcome {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts a `mizan` command in a process of its own, without the settings of this one. */
export function spawnMizan(args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("MIZAN_")));
  return spawn(process.execPath, [MIZAN, ...args], { env: { ...clean, ...env }, stdio: ["ignore", "pipe", "pipe"] });
}

/** Runs a `mizan` command to its end. */
export async function runMizan(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<CommandOutcome> {
  const child = spawnMizan(args, env);
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const [exitCode] = await once(child, "close");
  return { exitCode: exitCode as number | null, stdout, stderr };
}

/** Runs a `mizan` command with `--json`, and returns its exit code and the object that it printed. */
export async function askMizan(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Record<string, unknown> & { readonly exitCode: number | null }> {
  const { exitCode, stdout, stderr } = await runMizan([...args, "--json"], env);
  const line = stdout.trim();
  if (line === "") throw new Error(`mizan ${args.join(" ")} printed nothing; it said: ${stderr}`);
  return { ...(JSON.parse(line) as Record<string, unknown>), exitCode };
}
