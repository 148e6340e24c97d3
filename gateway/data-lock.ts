import { createHash } from "node:crypto";
import { accessSync, constants, mkdirSync, realpathSync, statSync, unlinkSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StartError } from "./start-error.ts";

/** Holds a data directory for this process. */
export interface DataLock {
  release(): void;
}

/**
 * Makes a data directory where it is missing, and takes it for this process alone.
 *
 * The lock is a local socket named after the directory's device and inode. On Linux its name lives in the kernel and goes
 * with the process however that ends; elsewhere it is a file, and one that nobody answers on is a leftover.
 *
 * **Errors**: `data_dir_unwritable`, `data_dir_locked`.
 */
export async function lockDataDir(dataDir: string): Promise<DataLock> {
  const name = lockName(dataDir);
  let server = await listen(name);
  if (server === undefined && process.platform !== "linux" && !(await isAnswered(name))) {
    unlinkSync(name);
    server = await listen(name);
  }
  if (server === undefined) {
    throw new StartError("data_dir_locked", `the data directory ${dataDir} is in use by another process`);
  }
  const held = server;
  held.unref();
  return { release: () => held.close() };
}

function lockName(dataDir: string): string {
  try {
    mkdirSync(dataDir, { recursive: true });
    accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
    const { dev, ino } = statSync(realpathSync(dataDir));
    const digest = createHash("sha256").update(`${dev}:${ino}`).digest("hex").slice(0, 32);
    return process.platform === "linux" ? `\0mizan-${digest}` : join(tmpdir(), `mizan-${digest}.sock`);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StartError("data_dir_unwritable", `the data directory ${dataDir} cannot be written: ${reason}`);
  }
}

/** The listening server, or undefined where the name is taken. */
function listen(name: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(undefined);
      else reject(error);
    });
    server.listen(name, () => resolve(server));
  });
}

function isAnswered(name: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(name);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
