import { LastWill } from "./last-will.ts";
import { type Pace, Run } from "./run.ts";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** Makes a run that leaves nothing behind however it ends: done, by a signal, or killed. Null: a signal ended it. */
export async function runUntilSignal<T>(pace: Pace, use: (run: Run) => Promise<T>): Promise<T | null> {
  const will = new LastWill();
  const run = new Run(pace, undefined, will);
  let onSignal = (): void => {};
  const signalled = new Promise<null>((resolve) => {
    onSignal = () => resolve(null);
  });
  for (const signal of SIGNALS) process.on(signal, onSignal);
  try {
    const used = use(run);
    // What fails because everything is ended under it has nothing to say any more.
    void used.catch(() => {});
    return await Promise.race([used, signalled]);
  } finally {
    await run.end();
    for (const signal of SIGNALS) process.off(signal, onSignal);
    will.close();
  }
}
