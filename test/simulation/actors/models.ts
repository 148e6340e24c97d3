import type { ActorModel } from "./actor-model.ts";
import { CardModel } from "./card-model.ts";
import { MerchantModel } from "./merchant-model.ts";
import { PaymentModel } from "./payment-model.ts";
import { PayoutModel } from "./payout-model.ts";
import { TopUpModel } from "./topup-model.ts";

/** A model for every type of actors in the simulation. */
export function newModels(): readonly ActorModel[] {
  const merchants = new MerchantModel();
  return [new PaymentModel(merchants), new CardModel(), merchants, new TopUpModel(), new PayoutModel()];
}
