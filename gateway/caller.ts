import type { Principal } from "../engine/port/shard-port.ts";

/** Who a request comes from: a principal, and the id of the API key that proved it. */
export interface Caller extends Principal {
  readonly keyId: string;
}
