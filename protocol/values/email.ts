import { type Branded, invalid, type Parsed, schemaOf, valid } from "./parsed.ts";

/** A mailbox. The domain is in lower case; what stands before it is its host's to compare. */
export type Email = Branded<string, "Email">;

const LOCAL = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;
const DOMAIN = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])$/;

/**
 * Takes what mail systems exchange in practice: a dot-atom of ASCII before a host name with at least two labels. Quoted
 * local parts, address literals and addresses beyond ASCII are refused.
 *
 * **Source**: RFC 5321 (lengths: 64 before the sign, 254 in all), RFC 5322 (dot-atom), RFC 1035 (labels).
 */
export function parseEmail(input: unknown): Parsed<Email> {
  if (typeof input !== "string") return invalid("expected an e-mail address");
  const text = input.trim();
  const at = text.lastIndexOf("@");
  const local = text.slice(0, Math.max(at, 0));
  const domain = text.slice(at + 1).toLowerCase();
  const isOne = at > 0 && text.length <= 254 && local.length <= 64 && LOCAL.test(local) && DOMAIN.test(domain);
  return isOne ? valid(`${local}@${domain}` as Email) : invalid("expected an e-mail address");
}

export const email = schemaOf(parseEmail, { type: "string", format: "email", maxLength: 254 });
