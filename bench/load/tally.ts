import type { CommandKind, Transport } from "../profiles/profile.ts";
import { type ErrorCount, ErrorCounts } from "./error-counts.ts";
import { Latencies } from "./latencies.ts";
import type { IntervalReport, KindReport } from "./profile-job.ts";
import type { Request } from "./request.ts";

interface KindTally {
  readonly transport: Transport;
  readonly kind: CommandKind;
  accepted: number;
  readonly latencies: Latencies;
}

/** Counts what a generator's commands came to: in the interval that runs, and in the measured stages together. */
export class Tally {
  rejected = 0;
  unanswered = 0;
  /** Whether any command of any stage was not accepted. */
  hasFailures = false;
  readonly sendLags = new Latencies();
  readonly #isMeasured: readonly boolean[];
  readonly #kinds = new Map<string, KindTally>();
  readonly #errors = new ErrorCounts();
  readonly #intervalErrors = new ErrorCounts();
  readonly #intervalLatencies = new Latencies();
  readonly #intervalLags = new Latencies();
  #intervalAccepted = 0;

  /** `isMeasured` tells of each stage whether it counts. */
  constructor(isMeasured: readonly boolean[]) {
    this.#isMeasured = isMeasured;
  }

  /** One command of a request was answered. */
  answered(transport: Transport, request: Request, latencyMs: number, code: string): void {
    this.#intervalLatencies.record(latencyMs);
    if (code === "ok") this.#intervalAccepted += 1;
    else this.#failed(code, 1);
    if (!this.#isMeasured[request.stage]) return;
    const kind = this.#kind(transport, request.kind);
    kind.latencies.record(latencyMs);
    if (code === "ok") {
      kind.accepted += 1;
      return;
    }
    this.rejected += 1;
    this.#errors.add(code, 1);
  }

  /** All commands of a message were never answered, or it never left; they have waited this long for nothing. */
  missed(
    transport: Transport,
    request: Pick<Request, "kind" | "stage" | "count">,
    waitedMs: number,
    code: string,
  ): void {
    this.#intervalLatencies.record(waitedMs, request.count);
    this.#failed(code, request.count);
    if (!this.#isMeasured[request.stage]) return;
    this.#kind(transport, request.kind).latencies.record(waitedMs, request.count);
    this.unanswered += request.count;
    this.#errors.add(code, request.count);
  }

  /** A message left this much later than it could have. */
  left(stage: number, lagMs: number): void {
    this.#intervalLags.record(lagMs);
    if (this.#isMeasured[stage]) this.sendLags.record(lagMs);
  }

  /** Ends the interval that runs. */
  endInterval(): Pick<IntervalReport, "accepted" | "errors" | "latencies" | "sendLags"> {
    const report = {
      accepted: this.#intervalAccepted,
      errors: this.#intervalErrors.counts(),
      latencies: this.#intervalLatencies.count === 0 ? null : this.#intervalLatencies.encode(),
      sendLags: this.#intervalLags.count === 0 ? null : this.#intervalLags.encode(),
    };
    this.#intervalAccepted = 0;
    this.#intervalErrors.clear();
    this.#intervalLatencies.reset();
    this.#intervalLags.reset();
    return report;
  }

  kinds(): KindReport[] {
    return [...this.#kinds.values()].map((kind) => ({ ...kind, latencies: kind.latencies.encode() }));
  }

  errors(): ErrorCount[] {
    return this.#errors.counts();
  }

  #failed(code: string, commands: number): void {
    this.#intervalErrors.add(code, commands);
    this.hasFailures = true;
  }

  #kind(transport: Transport, kind: CommandKind): KindTally {
    const name = `${transport} ${kind}`;
    let found = this.#kinds.get(name);
    if (found === undefined) {
      found = { transport, kind, accepted: 0, latencies: new Latencies() };
      this.#kinds.set(name, found);
    }
    return found;
  }
}
