import { UuidV7 } from "../protocol/ids.ts";
import type { LedgerProcess } from "./ledger-process.ts";
import {
  applyAnswered,
  checkBooks,
  openingBalances,
  openWallets,
  randomFrom,
  type Sent,
  settle,
  write,
} from "./writers.ts";

const WRITERS = 3;
const BATCH_MAX = 60;
/** Answers after which a command is open: it was refused by a node that did not lead, or not confirmed in time. */
const OPEN: readonly string[] = ["not_leader", "replication_pending", "shutting_down", "overloaded"];

/** A leader that hands over, or whose log is too far behind, refuses commands. */
function unlessOverloaded(error: unknown): void {
  if (!(error instanceof Error && error.message === "overloaded")) throw error;
}

/** Wallets of a cluster, and what was sent about them. */
export class ClusterLoad {
  readonly sent: Sent[] = [];
  readonly #ids = new UuidV7();
  readonly #random: () => number;
  readonly #balances: Map<string, number>;
  readonly #wallets: readonly string[];
  #goesOn = true;
  #writers: Promise<unknown>[] = [];

  private constructor(wallets: readonly string[], random: () => number) {
    this.#wallets = wallets;
    this.#random = random;
    this.#balances = openingBalances(wallets);
  }

  static async open(leader: LedgerProcess, seed: number): Promise<ClusterLoad> {
    return new ClusterLoad(await openWallets(leader, new UuidV7()), randomFrom(seed));
  }

  /** Begins to write to a node, until its connections break. */
  begin(node: LedgerProcess): void {
    this.#goesOn = true;
    for (let writer = 0; writer < WRITERS; writer += 1) {
      const writing = write(node, this.#wallets, this.#ids, this.#random, this.sent, BATCH_MAX, () => this.#goesOn);
      this.#writers.push(writing.catch(unlessOverloaded));
    }
  }

  /** Writes no more than has been sent already. */
  async end(): Promise<void> {
    this.#goesOn = false;
    await this.ended();
  }

  /** Resolves when no writer is connected any more. */
  async ended(): Promise<void> {
    await Promise.all(this.#writers);
    this.#writers = [];
  }

  /** Sends everything again to whoever leads now, and compares the books. */
  async check(leader: LedgerProcess): Promise<void> {
    for (const one of this.sent) if (OPEN.includes(one.result?.code ?? "")) one.result = undefined;
    await settle(leader, this.sent);
    const balances = new Map(this.#balances);
    applyAnswered(balances, this.sent);
    await checkBooks(leader, balances);
  }

  /** Compares the books with what they were before anything was written. */
  async checkUntouched(leader: LedgerProcess): Promise<void> {
    await checkBooks(leader, this.#balances);
  }

  /** How many were acknowledged. */
  get acknowledged(): number {
    return this.sent.filter(({ result }) => result?.code === "ok").length;
  }
}
