import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Where the report of a result stands: beside it. */
export function reportPath(resultPath: string): string {
  return `${resultPath.replace(/\.json$/, "")}.html`;
}

/** Writes a file, and the directories above it. */
export function writeWithDirectories(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
