import type { Principal } from "../engine/port/shard-port.ts";

const ID_BYTES = 16;

/** On whose behalf something is asked, and what the answer waits for. */
export interface Asker extends Principal {
  /** The answer waits until the log has confirmed what it shows, although this ledger's answers need not. */
  readonly awaitsLog?: boolean;
  /** Of the API key that proved who it is. */
  readonly keyId?: string;
  /** Of the socket through which it is asked. */
  readonly connectionId?: number;
}

/** Whether an owner id is the principal's own. */
export function isOwnId({ ownerId }: Principal, id: Uint8Array): boolean {
  const own = new Uint8Array(ownerId.buffer, ownerId.byteOffset, ID_BYTES);
  return own.every((byte, i) => byte === id[i]);
}

/** Who a request comes from: a principal, and the id of the API key that proved it. */
export interface Caller extends Asker {
  readonly keyId: string;
}
