import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";

const CHUNK_CHARACTERS = 1 << 18;

/** Writes lines to a file, which is synced at the end, or to standard output. */
export class LineWriter {
  readonly #stream: NodeJS.WritableStream;
  #text = "";

  constructor(file: string | undefined) {
    this.#stream = file === undefined ? process.stdout : createWriteStream(file, { flush: true });
  }

  /** Adds a line; resolves when there is room for more. */
  async line(value: object): Promise<void> {
    this.#text += `${JSON.stringify(value)}\n`;
    if (this.#text.length >= CHUNK_CHARACTERS) await this.#flush();
  }

  async end(): Promise<void> {
    await this.#flush();
    if (this.#stream === process.stdout) return;
    this.#stream.end();
    await finished(this.#stream);
  }

  #flush(): Promise<void> {
    const text = this.#text;
    this.#text = "";
    return new Promise((resolve, reject) =>
      this.#stream.write(text, (error) => (error === undefined || error === null ? resolve() : reject(error))),
    );
  }
}
