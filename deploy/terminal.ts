import { Progress } from "./progress.ts";

/** Where a command speaks: results on standard output, everything on the way on standard error. */
export class Terminal {
  readonly isJson: boolean;

  constructor(isJson: boolean) {
    this.isJson = isJson;
  }

  /** A line of the result, for people. */
  say(line: string): void {
    if (!this.isJson) process.stdout.write(`${line}\n`);
  }

  /** The whole result, for programs: one JSON object on one line. */
  result(value: object): void {
    if (this.isJson) process.stdout.write(`${JSON.stringify(value)}\n`);
  }

  /** A line that is no part of the result. */
  note(line: string): void {
    if (!this.isJson) process.stderr.write(`${line}\n`);
  }

  /** Shows how far a task is, once it takes longer than two seconds. */
  progress(task: string, total: number): Progress {
    return new Progress(task, total, this.isJson ? "silent" : process.stderr.isTTY === true ? "bar" : "lines");
  }
}
