/** What must hold in every simulation, in words. */
export const RULES = {
  conservation: "money is neither made nor lost: each shard's wallets sum to zero in every currency",
  acknowledgedKept: "what was acknowledged is there after a restart",
  appliedOnce: "a command is applied at most once",
  sameAnswer: "the same command gets the same answer again",
  limits: "no movement passes a limit that is in force",
  floor: "no wallet falls below what its overdraft allows",
  total: "what a striped wallet is read to hold is all that it was paid anywhere",
  versions: "a wallet's versions have no gaps, and its balances follow from one another",
  streamOrder: "a reader of a stream sees versions in their order, without gaps, as they became durable",
  durableReads: "only what is durable is ever shown",
  replay: "what the journal brings back is what the shard knew",
  reference: "the ledger does as the reference ledger does",
  transit: "with no transfer running, nothing is left in transit",
  comesToAnswer: "every command comes to an answer",
  startsAgain: "the ledger starts again after a crash, and names the damage where it cannot",
  oneHistory: "what counts in the log counts for ever, without gaps, and each frame stands there once",
  agreed: "every node takes the same frames from the log",
  confirmed: "what is told as replicated is in the log and counts",
  succeeded: "whoever led before shows nothing more once another node has claimed for a session",
  tail: "a node that returns keeps what counts in the log, and nothing else",
  handedOver: "a planned change of the leader loses nothing that it had decided",
  caughtUp: "whoever has read the whole log knows what it says",
  oneAtATime: "an actor takes one command at a time",
  asModelled: "an actor decides and knows what its model does",
  paidOnce:
    "with nothing under way, wallets have and hold what the actors and the transfers say, and clearing wallets nothing",
  noFailure: "the ledger never fails by itself",
} as const;
export type Rule = keyof typeof RULES;

/** A rule was violated. */
export class Violation extends Error {
  readonly rule: Rule;

  constructor(rule: Rule, what: string) {
    super(what);
    this.name = "Violation";
    this.rule = rule;
  }
}

/** Throws unless a rule holds. */
export function require(rule: Rule, holds: boolean, what: () => string): asserts holds {
  if (!holds) throw new Violation(rule, what());
}

/** The simulated process ends here and now. */
export class Crash extends Error {}

/** The simulated disk refuses; the process is expected to end itself. */
export class DiskFailure extends Error {}
