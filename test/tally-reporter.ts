import { writeSync } from "node:fs";
import type { SerializedError } from "vitest";
import type { Reporter, TestModule } from "vitest/node";

/** Counts of one run. */
export interface Tally {
  passed: number;
  failed: number;
  skipped: number;
}

/**
 * Counts the tests of a finished run.
 * A file or suite that breaks outside its tests (an import that throws, a hook that fails), an error nobody caught and
 * a run without any test file each count as one failure, so that the tally is never clean when the exit code is not.
 */
export function tallyOf(testModules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): Tally {
  const tally: Tally = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
  if (testModules.length === 0) tally.failed += 1;
  for (const testModule of testModules) {
    if (testModule.errors().length > 0) tally.failed += 1;
    for (const suite of testModule.children.allSuites()) {
      if (suite.errors().length > 0) tally.failed += 1;
    }
    for (const test of testModule.children.allTests()) {
      const { state } = test.result();
      if (state === "passed") tally.passed += 1;
      else if (state === "skipped") tally.skipped += 1;
      else tally.failed += 1;
    }
  }
  return tally;
}

/** The line a reader or a script finds at the end of the output. */
export function tallyLine({ passed, failed, skipped }: Tally): string {
  const line = `${passed} passed, ${failed} failed`;
  return skipped > 0 ? `${line}, ${skipped} skipped` : line;
}

/** Vitest reporter that prints the tally as the last line of the process, after the summary of every other reporter. */
export default class TallyReporter implements Reporter {
  #tally: Tally = tallyOf([], []);

  onInit(): void {
    process.once("exit", () => writeSync(process.stdout.fd, `\n${tallyLine(this.#tally)}\n`));
  }

  onTestRunEnd(testModules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    this.#tally = tallyOf(testModules, unhandledErrors);
  }
}
