import type { CommandIds } from "./command-ids.ts";

/** Stands in a prebuilt message where its id will be written. */
export const PLACEHOLDER_ID = "00000000-0000-7000-8000-000000000000";

const HEX = Uint16Array.from({ length: 256 }, (_, byte) => {
  const text = byte.toString(16).padStart(2, "0");
  return text.charCodeAt(0) | (text.charCodeAt(1) << 8);
});
const ID = new Uint8Array(16);
const ID_VIEW = new DataView(ID.buffer);

/** Writes the next command id over the digits of UUID text that is already there, hyphens and all. */
export function writeHexId(ids: CommandIds, text: Uint8Array, offset: number): void {
  ids.write(ID_VIEW, 0);
  let at = offset;
  for (let i = 0; i < 16; i += 1) {
    if (i === 4 || i === 6 || i === 8 || i === 10) at += 1;
    const digits = HEX[ID[i]];
    text[at] = digits & 0xff;
    text[at + 1] = digits >>> 8;
    at += 2;
  }
}
