import { readFileSync } from "node:fs";
import { keyFilePath } from "../gateway/people/key-file.ts";
import { KeySlot, SLOT_BYTES } from "../gateway/people/key-slot.ts";

/** The wrapped keys that stand in the key file of a data directory, read as whoever has got hold of the file would. */
export function keySlots(dataDir: string): readonly KeySlot[] {
  const bytes = readFileSync(keyFilePath(dataDir));
  const slots = Array.from({ length: Math.ceil(bytes.length / SLOT_BYTES) }, (_, index) =>
    KeySlot.read(bytes.subarray(index * SLOT_BYTES, (index + 1) * SLOT_BYTES)),
  );
  return slots.filter((slot) => slot instanceof KeySlot);
}
