import { accessSync, constants, existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";

const DEBIAN_POSTGRES = "/usr/lib/postgresql";

/** Why a peer is not measured. */
export class PeerSkipped extends Error {}

/** Directories that may hold the programs of peers: those of `PATH`, and where Debian keeps PostgreSQL, newest first. */
export function programDirectories(env: NodeJS.ProcessEnv = process.env): readonly string[] {
  const versions = existsSync(DEBIAN_POSTGRES) ? readdirSync(DEBIAN_POSTGRES) : [];
  const newestFirst = versions.sort((a, b) => Number(b) - Number(a));
  const found = (env.PATH ?? "").split(delimiter).filter((directory) => directory !== "");
  return [...found, ...newestFirst.map((version) => join(DEBIAN_POSTGRES, version, "bin"))];
}

/** The first of the directories that holds all of the programs. **Errors**: `PeerSkipped` where none does. */
export function findPrograms(directories: readonly string[], names: readonly string[]): string {
  const found = directories.find((directory) => names.every((name) => isExecutable(join(directory, name))));
  if (found === undefined) throw new PeerSkipped(`no ${names.join(" and ")} on this machine`);
  return found;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** A user of this machine. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Whom a program runs as that refuses to run as root; undefined where it need not be anybody else.
 *
 * **Errors**: `PeerSkipped` where there is none of the users, or a directory that none of them may enter.
 */
export function unprivilegedAccount(names: readonly string[], directory: string): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = new Map(
    readFileSync("/etc/passwd", "utf8")
      .split("\n")
      .map((line) => line.split(":"))
      .map(([name, , uid, gid]) => [name, { uid: Number(uid), gid: Number(gid) }]),
  );
  const account = names.map((name) => accounts.get(name)).find((found) => found !== undefined);
  if (account === undefined)
    throw new PeerSkipped(`it does not run as root, and there is no user ${names.join(" or ")}`);
  for (let path = directory; path !== dirname(path); path = dirname(path)) {
    if ((statSync(path).mode & constants.S_IXOTH) === 0)
      throw new PeerSkipped(`it does not run as root, and nobody else may enter ${path}`);
  }
  return account;
}
