import { ReplicationGapError } from "../../replicator/epoch-fold.ts";
import { RULES, Violation } from "./rules.ts";
import type { Trace } from "./trace.ts";

/** How a simulation ended. */
export interface SimulationResult {
  readonly seed: number;
  /** Steps until the end, or until the violation. */
  readonly steps: number;
  readonly crashes: number;
  readonly violation: Violation | undefined;
  /** Of the whole trace. */
  readonly hash: string;
  readonly lastLines: readonly string[];
}

/** A simulation that was made and not run yet. */
interface Simulation {
  readonly crashes: number;
  /** **Errors**: throws a `Violation` where a rule is violated; whatever else it throws violates one, too. */
  run(): void;
}

/** Runs a simulation from its beginning to its end, or to the first rule violated. */
export function runToEnd(seed: number, trace: Trace, simulation: Simulation): SimulationResult {
  let violation: Violation | undefined;
  try {
    simulation.run();
  } catch (error) {
    violation = asViolation(error);
    trace.add(`VIOLATION of "${RULES[violation.rule]}": ${violation.message}`);
  }
  const { crashes } = simulation;
  return { seed, steps: trace.step, crashes, violation, hash: trace.digest(), lastLines: trace.last() };
}

function asViolation(error: unknown): Violation {
  if (error instanceof Violation) return error;
  if (error instanceof ReplicationGapError) return new Violation("oneHistory", error.message);
  return new Violation("noFailure", error instanceof Error ? (error.stack ?? error.message) : String(error));
}
