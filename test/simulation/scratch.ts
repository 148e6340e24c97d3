import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Where simulations write the few real files that they have. */
export const SCRATCH = mkdtempSync(join(tmpdir(), "mizan-simulation-"));

/** Removes them; a test calls it when it is done, for its thread ends without saying so. */
export function removeScratch(): void {
  rmSync(SCRATCH, { recursive: true, force: true });
}

process.on("exit", removeScratch);
