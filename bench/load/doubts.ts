import { setTimeout as sleep } from "node:timers/promises";
import { codeName } from "../../protocol/codes.ts";
import { RESULT, RESULT_BYTES } from "../../protocol/result-record.ts";
import { FRAME_TYPE } from "../../protocol/wire-frame.ts";
import { LedgerClient } from "../ledger-client.ts";
import { type Request, recordBytesOf } from "./request.ts";
import type { WalletBooks } from "./wallet-books.ts";
import type { Endpoint } from "./workload.ts";

/** Codes that leave open whether the command was applied; the same id tells later. */
const OPEN_CODES = new Set([
  "replication_pending",
  "in_progress",
  "internal_error",
  "unexpected_frame",
  "unexpected_answer",
]);
/** Codes by which the ledger puts off an answer when it is asked again. */
const LATER_CODES = new Set([...OPEN_CODES, "overloaded", "shutting_down", "not_leader"]);
const DOUBTS_MAX = 500_000;
const COMMANDS_PER_ASK = 1_000;
const ASK_MS_MAX = 60_000;
const PAUSE_MS = 250;

interface Doubt {
  readonly record: Uint8Array;
  /** The request that it was part of, and its place in it. */
  readonly request: Request;
  readonly at: number;
}

/** Commands that may or may not have been applied, until the ledger is asked for its answer under their ids. */
export class Doubts {
  #doubts: Doubt[] = [];
  #total = 0;

  /** How many commands there ever were. */
  get total(): number {
    return this.#total;
  }

  /** Whether a code leaves open what a command did. */
  static isOpen(code: string): boolean {
    return OPEN_CODES.has(code);
  }

  /** Keeps one command of a request; beyond the limit it stays in doubt. */
  add(request: Request, at: number): void {
    if (request.kind === "reads") return;
    this.#total += 1;
    if (this.#doubts.length >= DOUBTS_MAX) return;
    const bytes = recordBytesOf(request);
    this.#doubts.push({ record: request.records.subarray(at * bytes, (at + 1) * bytes), request, at });
  }

  /** Sends every command again and notes those that were applied; resolves with how many are in doubt still. */
  async resolve(endpoint: Endpoint, books: WalletBooks): Promise<number> {
    const lost = this.#total - this.#doubts.length;
    const giveUpAtMs = performance.now() + ASK_MS_MAX;
    while (this.#doubts.length > 0 && performance.now() < giveUpAtMs) {
      try {
        await this.#ask(endpoint, books);
      } catch {
        // The ledger may be starting; it is asked again.
      }
      if (this.#doubts.length > 0) await sleep(PAUSE_MS);
    }
    return lost + this.#doubts.length;
  }

  async #ask(endpoint: Endpoint, books: WalletBooks): Promise<void> {
    const client = await LedgerClient.open(endpoint);
    try {
      const asked = this.#doubts;
      const later: Doubt[] = [];
      for (let first = 0; first < asked.length; first += COMMANDS_PER_ASK) {
        const chunk = asked.slice(first, first + COMMANDS_PER_ASK);
        const results = await client.request(
          FRAME_TYPE.Commands,
          chunk.length,
          Buffer.concat(chunk.map(({ record }) => record)),
        );
        const view = new DataView(results.buffer, results.byteOffset, results.byteLength);
        for (const [at, doubt] of chunk.entries()) {
          const code = codeName(view.getUint16(at * RESULT_BYTES + RESULT.code, true));
          if (code === "ok") books.applied(doubt.request, doubt.at);
          else if (LATER_CODES.has(code)) later.push(doubt);
        }
        this.#doubts = [...later, ...asked.slice(first + COMMANDS_PER_ASK)];
      }
    } finally {
      client.close();
    }
  }
}
