/**
 * Why a provider did not do what it was asked for.
 *
 * `unsent`: it has not heard of it. `refused`: it has, and will not do it. `unanswered`: nobody knows whether it has done it.
 */
export type FailureKind = "unsent" | "refused" | "unanswered";

/** A failed request to a provider. Its message holds no secret and nothing of a person. */
export class ProviderFailure extends Error {
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string) {
    super(message);
    this.name = "ProviderFailure";
    this.kind = kind;
  }
}
