import type { ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";

const START_MS_MAX = 60_000;
const POLL_MS = 20;

/** Opens the first session with a server that was just started; rejects where it ends, or takes too long. */
export async function readySession<T>(
  name: string,
  server: ChildProcess,
  output: () => string,
  open: () => Promise<T>,
): Promise<T> {
  const giveUpAtMs = performance.now() + START_MS_MAX;
  for (;;) {
    try {
      return await open();
    } catch (error) {
      const hasEnded = (server.exitCode ?? server.signalCode) !== null;
      if (hasEnded || performance.now() > giveUpAtMs)
        throw new Error(`${name} did not start: ${(error as Error).message}; ${output()}`);
    }
    await sleep(POLL_MS);
  }
}
