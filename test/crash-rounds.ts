/**
 * Runs the tests that kill processes and flip bits for longer than `npm test` does: `npm run test:crash -- --rounds 80`.
 *
 * A round kills the ledger once in each way; `--decay N` is how many bits are flipped in each kind of file, and `--seed N`
 * repeats the choices.
 */

import { spawn } from "node:child_process";
import { parseArgs } from "node:util";

const TESTS = [
  "test/crash.test.ts",
  "test/kill-rounds.test.ts",
  "test/payment-rounds.test.ts",
  "test/provider-rounds.test.ts",
  "test/person-rounds.test.ts",
  "deploy/killed-commands.test.ts",
  "test/decay.test.ts",
];

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "80" },
    decay: { type: "string", default: "10" },
    seed: { type: "string" },
  },
});
const env = {
  ...process.env,
  MIZAN_CRASH_ROUNDS: values.rounds,
  MIZAN_DECAY_ROUNDS: values.decay,
  ...(values.seed === undefined ? {} : { MIZAN_CRASH_SEED: values.seed }),
};
const child = spawn("vitest", ["run", ...TESTS], { env, stdio: "inherit" });
child.once("exit", (code) => {
  process.exitCode = code ?? 1;
});
