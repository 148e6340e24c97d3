const REPORT_EVERY_MS = 2_000;

/** How far a recovery has come. */
export interface RecoveryProgress {
  readonly frames: number;
  readonly records: number;
  readonly recordsPerSecond: number;
  /** 0 when done. */
  readonly secondsLeft: number;
}

/** Counts what is read of a journal, and reports it every two seconds. */
export class RecoveryMeter {
  readonly #startedMs = performance.now();
  readonly #recordsExpected: number;
  readonly #report: (progress: RecoveryProgress) => void;
  #reportedMs = this.#startedMs;
  #frames = 0;
  #records = 0;

  constructor(recordsExpected: number, report: (progress: RecoveryProgress) => void) {
    this.#recordsExpected = recordsExpected;
    this.#report = report;
  }

  /** Counts a frame. */
  count(records: number): void {
    this.#frames += 1;
    this.#records += records;
    if (performance.now() - this.#reportedMs <= REPORT_EVERY_MS) return;
    this.#reportedMs = performance.now();
    const { recordsPerSecond } = this.done();
    const recordsLeft = Math.max(0, this.#recordsExpected - this.#records);
    this.#report({ ...this.done(), secondsLeft: Math.ceil(recordsLeft / Math.max(recordsPerSecond, 1)) });
  }

  /** What was read, when nothing more is to come. */
  done(): RecoveryProgress {
    const seconds = Math.max(performance.now() - this.#startedMs, 1) / 1_000;
    const recordsPerSecond = Math.round(this.#records / seconds);
    return { frames: this.#frames, records: this.#records, recordsPerSecond, secondsLeft: 0 };
  }
}
