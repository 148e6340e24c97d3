import {
  isSystemAccountId,
  LIQUIDITY_ACCOUNT,
  SYSTEM_ACCOUNT_KINDS,
  type SystemAccountKind,
  uuidBytes,
} from "../../protocol/ids.ts";

const KINDS: readonly SystemAccountKind[] = [...SYSTEM_ACCOUNT_KINDS, LIQUIDITY_ACCOUNT];

/** Which of a shard's accounts an id names, or undefined for a wallet. */
export function accountKind(id: string): SystemAccountKind | undefined {
  const bytes = uuidBytes(id);
  return isSystemAccountId(new Uint32Array(bytes.buffer), 0) ? KINDS[bytes[15]] : undefined;
}

/** The currency of the account that an id names, as ISO 4217 number. */
export function currencyOfAccount(id: string): number {
  const bytes = uuidBytes(id);
  return (bytes[12] << 8) | bytes[13];
}
