import packageFacts from "../package.json" with { type: "json" };

/** The version of this ledger. */
export const VERSION: string = packageFacts.version;
