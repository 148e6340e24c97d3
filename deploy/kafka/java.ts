import { spawnSync } from "node:child_process";
import { accessSync, constants, realpathSync } from "node:fs";
import { delimiter, join } from "node:path";
import { CommandError } from "../command-error.ts";
import { EXIT } from "../exit-code.ts";

const MAJOR_MIN = 17;
const NEEDED = `Apache Kafka needs Java ${MAJOR_MIN} or later`;

/**
 * Finds the program `java`: that of `JAVA_HOME`, else the first one in `PATH`.
 *
 * **Errors**: `java_missing`.
 */
export function findJava(): string {
  const home = process.env.JAVA_HOME ?? "";
  const folders = home === "" ? (process.env.PATH ?? "").split(delimiter) : [join(home, "bin")];
  for (const folder of folders) {
    try {
      const path = realpathSync(join(folder, "java"));
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // The next folder may have it.
    }
  }
  throw new CommandError(
    EXIT.problems,
    "java_missing",
    `${NEEDED}, and there is none in ${home === "" ? "PATH" : `JAVA_HOME (${home})`}`,
  );
}

/**
 * Asks a Java for its version.
 *
 * **Errors**: `java_too_old`.
 */
export function requireJavaVersion(java: string): void {
  const { stderr } = spawnSync(java, ["-version"], { encoding: "utf8" });
  const [, version, major] = /version "((\d+)[^"]*)"/.exec(stderr ?? "") ?? [];
  if (Number(major) >= MAJOR_MIN) return;
  throw new CommandError(
    EXIT.problems,
    "java_too_old",
    `${NEEDED}, and ${java} is ${version ?? "of no known version"}`,
  );
}
