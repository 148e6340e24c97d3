import { access, constants, statfs } from "node:fs/promises";

/** Looks from time to time how much room the disk of a directory has, so that nobody who asks has to wait for the disk. */
export class DiskWatch {
  freeBytes = Number.NaN;
  sizeBytes = Number.NaN;
  /** Why nothing can be written there, as far as one can tell without writing. */
  fault: "unwritable" | "full" | undefined;
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async look(): Promise<void> {
    try {
      const { bavail, blocks, bsize } = await statfs(this.#directory);
      this.freeBytes = bavail * bsize;
      this.sizeBytes = blocks * bsize;
      await access(this.#directory, constants.W_OK);
      this.fault = this.freeBytes === 0 ? "full" : undefined;
    } catch {
      this.fault = "unwritable";
    }
  }
}
