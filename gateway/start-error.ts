/** Why a ledger does not start; stable names for scripts and operators. */
export type StartErrorCode =
  | "config_invalid"
  | "port_in_use"
  | "host_unavailable"
  | "data_dir_unwritable"
  | "data_dir_locked"
  | "kafka_ca_unreadable"
  | "node_file_damaged"
  | "replication_gap"
  | "seed_refused"
  | "seed_failed"
  | "personal_data_key_wrong"
  | "engine_failed"
  | "history_incomplete";

/** A failure to start that the operator can act on: its message says what is wrong and is shown without a stack. */
export class StartError extends Error {
  readonly code: StartErrorCode;

  constructor(code: StartErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "StartError";
    this.code = code;
  }
}
