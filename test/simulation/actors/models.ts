import type { ActorModel } from "./actor-model.ts";
import { CardModel } from "./card-model.ts";
import { PaymentModel } from "./payment-model.ts";

/** A model for every type of actors in the simulation. */
export function newModels(): readonly ActorModel[] {
  return [new PaymentModel(), new CardModel()];
}
