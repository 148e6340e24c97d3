import { MizanError } from "./errors.ts";

/** Most nodes that are remembered: those of the caller, and leaders that other nodes named. */
const NODES_MAX = 16;

/** The nodes of a ledger, and which of them is asked now. */
export class Nodes {
  readonly #urls: string[];
  readonly #isSecure: boolean;
  #at = 0;

  /** **Errors**: throws a MizanError `invalid_request` where no node is named. */
  constructor({
    url,
    urls = [],
  }: { readonly url?: string | undefined; readonly urls?: readonly string[] | undefined }) {
    this.#urls = [...new Set([...(url === undefined ? [] : [url]), ...urls].map(withoutSlash))].slice(0, NODES_MAX);
    if (this.#urls.length === 0) throw new MizanError("invalid_request", "no URL of a ledger was given");
    this.#isSecure = this.#urls.every((known) => known.startsWith("https:"));
  }

  /** The node to ask, without a slash at the end. */
  get url(): string {
    return this.#urls[this.#at] as string;
  }

  get count(): number {
    return this.#urls.length;
  }

  /** Goes on to the next node: this one cannot be reached. */
  next(): void {
    this.#at = (this.#at + 1) % this.#urls.length;
  }

  /**
   * Goes on to the node that is said to lead, or to the next one where nobody is; false where that is this one.
   *
   * A key that is sent over TLS only is not sent to a leader without.
   */
  redirect(leader: string | undefined): boolean {
    const before = this.#at;
    if (leader === undefined || (this.#isSecure && !leader.startsWith("https:"))) {
      this.next();
      return this.#at !== before;
    }
    const url = withoutSlash(leader);
    const known = this.#urls.indexOf(url);
    if (known >= 0) this.#at = known;
    else if (this.#urls.length < NODES_MAX) this.#at = this.#urls.push(url) - 1;
    else this.next();
    return this.#at !== before;
  }

  toString(): string {
    return this.#urls.join(", ");
  }
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, "");
}
