import { z } from "zod";
import { SeedError } from "./seed-error.ts";
import { SEED_PATH, type SeedManifest, seedManifestSchema } from "./seed-manifest.ts";

/** A peer that sends nothing for so long counts as gone. */
const SILENCE_MS = 10_000;

const problemSchema = z.object({ code: z.string(), leader: z.string().optional() });

/** What a node answers to who asks it for a snapshot. */
export type OfferAnswer =
  | { readonly type: "offered"; readonly manifest: SeedManifest }
  /** It follows another one. */
  | { readonly type: "elsewhere"; readonly leaderUrl: string | undefined }
  | { readonly type: "notYet" };

/** A node that may give out a snapshot. */
export class SeedSource {
  readonly url: string;
  readonly #adminKey: string;

  constructor(url: string, adminKey: string) {
    this.url = url;
    this.#adminKey = adminKey;
  }

  /** **Errors**: `seed_refused`; rejects where the node cannot be reached. */
  async offer(firstOffsets: readonly number[]): Promise<OfferAnswer> {
    const response = await this.#ask(SEED_PATH, AbortSignal.timeout(SILENCE_MS), JSON.stringify({ firstOffsets }));
    const value: unknown = await response.json().catch(() => undefined);
    if (response.ok) return { type: "offered", manifest: seedManifestSchema.parse(value) };
    const problem = problemSchema.safeParse(value);
    switch (problem.data?.code) {
      case "not_leader":
        return { type: "elsewhere", leaderUrl: problem.data.leader };
      case "overloaded":
      case "shutting_down":
        return { type: "notYet" };
      default:
        throw new Error(`${this.url} answers ${problem.data?.code ?? response.status}`);
    }
  }

  /**
   * The bytes of a part from a byte or a record on, as they come; the next ones are asked for when those are used.
   *
   * **Errors**: `seed_refused`; rejects where they are cut off.
   */
  async *part({ offerId }: SeedManifest, key: string, from: number): AsyncGenerator<Uint8Array> {
    const silence = new AbortController();
    const stop = (): void => silence.abort(new Error(`${this.url} sends nothing any more`));
    let timer = setTimeout(stop, SILENCE_MS);
    try {
      const response = await this.#ask(`${SEED_PATH}/${offerId}/${key}?from=${from}`, silence.signal);
      if (!response.ok || response.body === null) {
        await response.body?.cancel();
        throw new Error(`${this.url} answers ${response.status} for ${key}`);
      }
      for await (const bytes of response.body) {
        clearTimeout(timer);
        yield bytes;
        timer = setTimeout(stop, SILENCE_MS);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  async #ask(path: string, signal: AbortSignal, body?: string): Promise<Response> {
    const response = await fetch(new URL(path, this.url), {
      headers: { authorization: `Bearer ${this.#adminKey}`, "content-type": "application/json" },
      redirect: "error",
      signal,
      ...(body === undefined ? {} : { method: "POST", body }),
    });
    if (response.status !== 401 && response.status !== 403) return response;
    await response.body?.cancel();
    throw new SeedError("seed_refused", `${this.url} does not know MIZAN_ADMIN_KEY as the key of an admin`);
  }
}
