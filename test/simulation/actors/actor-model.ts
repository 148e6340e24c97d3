import type { Found } from "../../../engine/actor/actor.ts";
import type { ObjectCommand } from "../../../engine/views.ts";
import type { Code } from "../../../protocol/codes.ts";
import type { Random } from "../random.ts";

/** A command on an actor, as a client means it. */
export type Meant = Pick<ObjectCommand, "aggregate" | "id" | "command"> & {
  readonly by: NonNullable<ObjectCommand["by"]>;
};

/** A command in the journal. */
export interface Told {
  readonly id: string;
  readonly command: Readonly<Record<string, unknown>> & { readonly type: string };
  readonly nowMs: number;
  /** What was found of the actor that the command depends on. */
  readonly found?: Found;
  /** The ledger sent it by itself. */
  readonly isOwn?: true;
}

/** An event in the journal. */
export type Happened = Readonly<Record<string, unknown>> & { readonly type: string };

/** What must be asked of wallets, as far as the model has an opinion. */
export type Steps = readonly { readonly ask: Readonly<Record<string, unknown>> }[];

/**
 * One type of actors in the simulation: what clients send, and a plain second opinion about what comes of it.
 *
 * It shares no arithmetic with the ledger. A new type is a model of its own and one line in `models.ts`.
 */
export interface ActorModel {
  /** The name in commands and in the journal. */
  readonly type: string;
  /** Something that a client might want now. */
  readonly plan: (random: Random, nowMs: number) => Meant;
  /** What the actor must say to a command: a code at once, or that wallets are asked first. */
  readonly decide: (told: Told) => Code | "steps";
  /** Wallets are being asked. **Errors**: throws where the steps are not what they must be. */
  readonly begun: (told: Told, steps: Steps) => void;
  /** A command has come to its end; `code` is what its wallets said, and with it the journal tells these events. */
  readonly ended: (told: Told, code: Code, events: readonly Happened[]) => void;
  /** Throws where the ledger thinks otherwise. */
  readonly compare: (id: string, state: unknown) => void;
  readonly ids: () => Iterable<string>;
  /** Whether the ledger should have sent an actor a command by itself. */
  readonly isOverdue: (id: string, nowMs: number) => boolean;
  /** What all that has happened comes to: in balances, and in what is held. Only where nothing is under way. */
  readonly money: (add: (walletId: string, postedMinor: number, heldMinor: number) => void) => void;
}
