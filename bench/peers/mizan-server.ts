import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ChildGroup } from "../child-group.ts";
import { Ledger } from "../ledger.ts";
import type { Acknowledged, PeerServer } from "./peer.ts";

/** How Mizan is run, beyond its defaults. */
export const MIZAN_SETTINGS = { MIZAN_SHARDS: "1" } as const;

/** A ledger on an empty directory, as `npm start` runs it. */
export class MizanServer implements PeerServer {
  readonly title: string;
  readonly directory: string;
  readonly #ledger: Ledger;

  private constructor(ledger: Ledger, directory: string) {
    const { version } = JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8"));
    this.title = `Mizan ${version}`;
    this.directory = directory;
    this.#ledger = ledger;
  }

  static async start(group: ChildGroup, directory: string, wallets: number): Promise<MizanServer> {
    const shards = Number(MIZAN_SETTINGS.MIZAN_SHARDS);
    return new MizanServer(await Ledger.start(group, { shards, directory, profileDir: undefined, wallets }), directory);
  }

  get endpoint(): Ledger["endpoint"] {
    return this.#ledger.endpoint;
  }

  get pid(): number {
    return this.#ledger.pid;
  }

  get wallets(): Uint8Array {
    return this.#ledger.wallets;
  }

  /** Whatever was acknowledged is in the journal already. */
  async settle(): Promise<void> {}

  audit(acknowledged: Acknowledged): Promise<string | null> {
    return this.#ledger.audit(acknowledged);
  }

  stop(): Promise<void> {
    return this.#ledger.stop();
  }
}
