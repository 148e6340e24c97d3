import type { Claim } from "./epoch-fold.ts";

/** What a candidate does next. */
export type NextClaim =
  | { readonly type: "append"; readonly claim: Claim }
  /** Another node claimed first. */
  | { readonly type: "outrun"; readonly claim: Claim };

/**
 * One attempt of a node to lead, by what it has read: it knows no time and no connection.
 *
 * The claim of a partition that has been read to its end is asked about twice: `next` before a claim is appended, `isOutrunBy`
 * when that has been read. An answer that was lost is no matter: then it begins with `next` again.
 */
export class Candidacy {
  readonly #identity: Omit<Claim, "epoch">;
  #epochBefore: number | undefined;

  /** With `over` it is about succeeding who leads in that epoch, and nobody who came later; without it, about whoever leads. */
  constructor(identity: Omit<Claim, "epoch">, over?: number) {
    this.#identity = identity;
    this.#epochBefore = over;
  }

  /** What to append to partition 0, by the claim that stands there. */
  next(standing: Claim | undefined): NextClaim {
    const epoch = standing?.epoch ?? 0;
    this.#epochBefore ??= epoch;
    // A claim whose answer was lost may have won.
    if (standing?.claimId === this.#identity.claimId) return { type: "append", claim: standing };
    if (standing !== undefined && epoch > this.#epochBefore) return { type: "outrun", claim: standing };
    return { type: "append", claim: { ...this.#identity, epoch: epoch + 1 } };
  }

  /** Whether another node's claim stands where this one's was appended and read. */
  isOutrunBy(standing: Claim): boolean {
    return standing.claimId !== this.#identity.claimId;
  }
}
