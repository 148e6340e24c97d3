/** Why a node could not begin with a snapshot of the leader's. */
export type SeedErrorCode =
  /** The leader does not let this node in; trying again does not help. */
  | "seed_refused"
  /** Nobody gives a snapshot out, or what came was cut off or damaged, too often. */
  | "seed_failed";

/** A snapshot could not be had from the leader. */
export class SeedError extends Error {
  readonly code: SeedErrorCode;

  constructor(code: SeedErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "SeedError";
    this.code = code;
  }
}
