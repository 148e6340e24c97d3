import { IdPart } from "../idempotency/id-part.ts";
import type { ShardState } from "../shard/shard-state.ts";
import { ActorPart } from "./actor-part.ts";
import { CausePart } from "./cause-part.ts";
import { HoldPart } from "./hold-part.ts";
import { LimitPart } from "./limit-part.ts";
import { ObjectPart } from "./object-part.ts";
import type { SnapshotPart } from "./part.ts";
import { WalletPart } from "./wallet-part.ts";

/** All parts of a shard's state, in the order in which they are copied and loaded: all others name wallets. */
export function statePartsOf(state: ShardState): readonly SnapshotPart[] {
  return [
    new WalletPart(state.wallets),
    new LimitPart(state.wallets.limits),
    new HoldPart(state.holds),
    new ObjectPart(state),
    new ActorPart(state.actors),
    new CausePart(state),
    new IdPart(state.ids),
  ];
}
