/** What nodes ask of each other; no part of the API for clients. */

import { open } from "node:fs/promises";
import { unreachable } from "../../protocol/unreachable.ts";
import type { Exchange } from "../rest/exchange.ts";
import { SEED_PATH, seedRequestSchema } from "./seed-manifest.ts";
import type { SeedOffers, SeedPart } from "./seed-offers.ts";

const PART_BYTES = 256 << 10;
const STREAM_TYPE = "application/octet-stream";
const NOTHING = new Uint8Array(0);

/** A route between nodes, for whoever has the API key of an admin. */
export interface SeedRoute {
  readonly method: "get" | "post";
  readonly path: string;
  readonly run: (exchange: Exchange, offers: SeedOffers) => void;
}

export const SEED_ROUTES: readonly SeedRoute[] = [
  { method: "post", path: SEED_PATH, run: offer },
  { method: "get", path: `${SEED_PATH}/{offer}/{part}`, run: transfer },
];

function offer(exchange: Exchange, offers: SeedOffers): void {
  exchange.readBody(seedRequestSchema, ({ firstOffsets }) => {
    const manifest = offers.manifest(firstOffsets);
    if (typeof manifest === "string") exchange.problem(manifest);
    else exchange.json(200, JSON.stringify(manifest));
  });
}

function transfer(exchange: Exchange, offers: SeedOffers): void {
  const from = Number(exchange.query("from") ?? Number.NaN);
  if (!Number.isSafeInteger(from) || from < 0) {
    exchange.problem("invalid_request", { detail: "from must be a whole number", field: "from" });
    return;
  }
  const part = offers.begin(exchange.parameter, exchange.secondParameter);
  if (typeof part === "string") {
    exchange.problem(part);
    return;
  }
  switch (part.type) {
    case "file":
      void sendFile(exchange, offers, part.path, from);
      break;
    case "frames":
      sendFrames(exchange, offers, part, from);
      break;
    default:
      unreachable(part);
  }
}

async function sendFile(exchange: Exchange, offers: SeedOffers, path: string, from: number): Promise<void> {
  const file = await open(path).catch(() => undefined);
  if (file === undefined) {
    offers.ended();
    exchange.problem("path_not_found");
    return;
  }
  const room = new Uint8Array(PART_BYTES);
  let position = from;
  const next = (take: (part: Uint8Array | null) => void): void => {
    file.read(room, 0, PART_BYTES, position).then(
      ({ bytesRead }) => {
        position += bytesRead;
        take(room.subarray(0, bytesRead));
      },
      () => take(null),
    );
  };
  exchange.stream(STREAM_TYPE, {}, next, () => {
    offers.ended();
    void file.close();
  });
}

function sendFrames(
  exchange: Exchange,
  offers: SeedOffers,
  { shard, through }: Extract<SeedPart, { readonly type: "frames" }>,
  from: number,
): void {
  let nextSequence = from;
  const next = (take: (part: Uint8Array | null) => void): void => {
    if (nextSequence > through) {
      take(NOTHING);
      return;
    }
    void offers.frames(shard, nextSequence, through).then((frames) => {
      if (frames === undefined) {
        take(null);
        return;
      }
      nextSequence = frames.nextSequence;
      take(frames.bytes);
    });
  };
  exchange.stream(STREAM_TYPE, {}, next, () => offers.ended());
}
