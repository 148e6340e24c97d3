import type { Aggregate } from "../object/aggregate.ts";

/**
 * A stripe of a wallet: the slot under the wallet's own id in which a shard that is not its home gathers credits.
 *
 * The home shard says what the stripe's currency, type and status are; `homeVersion` is the wallet's version at which it
 * said so, and an older word changes nothing.
 */
export interface StripeState {
  readonly walletId: string;
  readonly currency: number;
  readonly walletType: number;
  readonly status: number;
  readonly homeVersion: number;
}

export interface StripeCommand extends StripeState {
  readonly type: "EnsureStripe";
}

export interface StripeEvent extends StripeState {
  readonly type: "StripeEnsured";
}

/** The stripes that a shard keeps for the wallets of other shards. */
export const stripeAggregate: Aggregate<StripeState, StripeCommand, StripeEvent> = {
  name: "Stripe",

  decide(state, { type: _, ...wanted }) {
    const isNews = state === undefined || state.homeVersion < wanted.homeVersion;
    return { code: "ok", events: isNews ? [{ type: "StripeEnsured", ...wanted }] : [] };
  },

  evolve(_state, { type: _, ...stripe }) {
    return stripe;
  },
};

/** Between the home of a striped wallet and the other shards. */
export type StripeMessage =
  | StripeCommand
  /** Send home what the stripe holds, then say that it is done. */
  | { readonly type: "PullStripe"; readonly fromShard: number; readonly pull: number; readonly walletId: string }
  /** Follows the transfer that carries the money, if there was any. */
  | { readonly type: "StripePulled"; readonly fromShard: number; readonly pull: number };
