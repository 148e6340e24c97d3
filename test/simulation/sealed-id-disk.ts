import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bucketPath, listBuckets } from "../../engine/idempotency/bucket-layout.ts";
import type { SealRequest } from "../../engine/idempotency/seal-bucket.ts";
import { SealedIds } from "../../engine/idempotency/sealed-ids.ts";
import type { Flaws } from "./plant.ts";
import { SCRATCH } from "./scratch.ts";

/** The sealed ids of one shard, which are real files: they outlive the simulated process. */
export class SealedIdDisk {
  readonly #directory: string;
  readonly #shard: number;
  readonly #flaws: Flaws;

  constructor(shard: number, flaws: Flaws) {
    this.#directory = join(SCRATCH, `shard-${shard}`);
    this.#shard = shard;
    this.#flaws = flaws;
    rmSync(this.#directory, { recursive: true, force: true });
    mkdirSync(this.#directory);
  }

  /** What a start finds, of a journal that ends with a sequence. */
  open(lastSequence: number, seal: (request: SealRequest) => void): SealedIds {
    return new SealedIds({
      directory: this.#directory,
      shard: this.#shard,
      lastSequence,
      filterBytesMax: 1 << 20,
      diskBytesMax: 0,
      seal,
      damaged: ({ file }) => {
        throw new Error(`the sealed ids in ${file} are damaged`);
      },
    });
  }

  /** The process ends while a bucket is written. */
  crash(request: SealRequest | undefined): void {
    if (request !== undefined) writeFileSync(join(this.#directory, unfinishedName(request.ordinal)), "half");
    const [oldest] = listBuckets(this.#directory);
    if (this.#flaws.forgetsSealedBucket === true && oldest !== undefined) {
      rmSync(bucketPath(this.#directory, oldest));
    }
  }
}

function unfinishedName(ordinal: number): string {
  return `ids-${String(ordinal).padStart(8, "0")}.unfinished`;
}
