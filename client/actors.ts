/** The commands of each type of actors as their schemas have them: import it for its types, where zod is at hand. */

import type { z } from "zod";
import type { medCardCommand } from "../protocol/medcard/commands.ts";
import type { paymentCommand } from "../protocol/payment/commands.ts";

declare module "./actor-commands.ts" {
  interface ActorCommands {
    readonly Payment: z.input<typeof paymentCommand>;
    readonly MedCard: z.input<typeof medCardCommand>;
  }
}
