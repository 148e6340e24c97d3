import { CODE, CODES } from "../../protocol/codes.ts";
import { OPERATION, type OperationName, operationName } from "../../protocol/command-record.ts";
import {
  Distribution,
  type DistributionView,
  distributionLength,
  RECORD_BOUNDS,
  TIME_BOUNDS_SECONDS,
} from "../meter/distribution.ts";

/** What a command may come to, in the order in which the counts lie in memory. */
const COMMAND_RESULTS = ["accepted", "rejected", "replayed", "failed"] as const;
type CommandResult = (typeof COMMAND_RESULTS)[number];

const ACCEPTED = 0;
const REJECTED = 1;
const REPLAYED = 2;
const FAILED = 3;

/** Operation 0 stands for numbers that are none. */
const OPERATIONS = Math.max(...Object.values(OPERATION)) + 1;

/** What a code counts as: one that HTTP shows as the server's fault is a failure, any other refusal the caller's. */
const RESULT_OF_CODE = new Uint8Array(65_536).fill(REJECTED);
for (const { number, http } of Object.values(CODES)) if (http >= 500) RESULT_OF_CODE[number] = FAILED;
RESULT_OF_CODE[CODE.ok] = ACCEPTED;

const TIME_LENGTH = distributionLength(TIME_BOUNDS_SECONDS);
const COMMANDS_LENGTH = OPERATIONS * COMMAND_RESULTS.length;

/** Length of a shard's meters in 64-bit floats. */
export const METERS_LENGTH = COMMANDS_LENGTH + 3 * TIME_LENGTH + distributionLength(RECORD_BOUNDS);

/** Commands of one type that came to the same. */
interface CommandCount {
  readonly operation: OperationName | "Unknown";
  readonly result: CommandResult;
  readonly count: number;
}

/** What a shard has counted since its start. */
export interface ShardMetersView {
  /** Only what has happened. A command whose other shard answers later counts as accepted. */
  readonly commands: readonly CommandCount[];
  /** From the gateway to the shard, a request. */
  readonly queueSeconds: DistributionView;
  /** Deciding the commands of a frame. */
  readonly decideSeconds: DistributionView;
  /** Making a frame durable. */
  readonly syncSeconds: DistributionView;
  readonly frameRecords: DistributionView;
}

/**
 * What a shard counts for every command and frame, in memory that the gateway's thread reads at any time.
 *
 * **Shape**: Float64 [commands by operation and result | queue | decide | sync | records of a frame].
 */
export class ShardMeters {
  readonly queueSeconds: Distribution;
  readonly decideSeconds: Distribution;
  readonly syncSeconds: Distribution;
  readonly frameRecords: Distribution;
  readonly #commands: Float64Array;

  constructor(values: Float64Array) {
    this.#commands = values.subarray(0, COMMANDS_LENGTH);
    const [queueAt, decideAt, syncAt, recordsAt] = [0, 1, 2, 3].map((index) => COMMANDS_LENGTH + index * TIME_LENGTH);
    const times = (at: number): Distribution =>
      new Distribution(TIME_BOUNDS_SECONDS, values.subarray(at, at + TIME_LENGTH));
    this.queueSeconds = times(queueAt);
    this.decideSeconds = times(decideAt);
    this.syncSeconds = times(syncAt);
    this.frameRecords = new Distribution(RECORD_BOUNDS, values.subarray(recordsAt, METERS_LENGTH));
  }

  /** Counts a command that was answered for the first time. */
  answered(operation: number, code: number): void {
    this.#add(operation, RESULT_OF_CODE[code]);
  }

  /** Counts a command whose result the other shard decides. */
  deferred(operation: number): void {
    this.#add(operation, ACCEPTED);
  }

  /** Counts a command that got its first answer again. */
  replayed(operation: number): void {
    this.#add(operation, REPLAYED);
  }

  view(): ShardMetersView {
    return {
      commands: Array.from(this.#commands, (count, index) => ({
        operation: operationName(Math.floor(index / COMMAND_RESULTS.length)) ?? ("Unknown" as const),
        result: COMMAND_RESULTS[index % COMMAND_RESULTS.length],
        count,
      })).filter(({ count }) => count > 0),
      queueSeconds: this.queueSeconds.view(),
      decideSeconds: this.decideSeconds.view(),
      syncSeconds: this.syncSeconds.view(),
      frameRecords: this.frameRecords.view(),
    };
  }

  #add(operation: number, result: number): void {
    this.#commands[(operation < OPERATIONS ? operation : 0) * COMMAND_RESULTS.length + result] += 1;
  }
}
