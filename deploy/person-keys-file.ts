import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { syncDirectory } from "../engine/journal/segment-file.ts";
import { keyFilePath } from "../gateway/people/key-file.ts";
import { KeySlot, SLOT_BYTES } from "../gateway/people/key-slot.ts";
import { CommandError } from "./command-error.ts";
import { EXIT } from "./exit-code.ts";
import type { Problem } from "./problem.ts";

const MODE = 0o600;
/** A slot that a running ledger was just writing is whole a moment later. */
const READS_MAX = 5;
const READ_PAUSE_MS = 50;

/** Keys of persons that were copied, and slots that were left out since nobody can tell what is in them. */
export interface CopiedKeys {
  readonly keys: number;
  readonly damagedKeys: number;
}

/** What is wrong with the key file of a data directory, if there is one. */
export async function keyProblems(dataDir: string): Promise<readonly Problem[]> {
  const file = keyFilePath(dataDir);
  if (!existsSync(file)) return [];
  const { damaged } = await readSlots(file);
  return damaged === 0 ? [] : [{ file, problem: `damaged slots: ${damaged}` }];
}

/**
 * Copies the keys of persons, of a ledger that may run. What stood in the target before is overwritten, so that it keeps no key of
 * somebody who was erased since.
 *
 * **Errors**: `keys_missing` where there is no such file.
 */
export async function copyKeys(from: string, to: string): Promise<CopiedKeys> {
  if (!existsSync(from)) throw new CommandError(EXIT.usage, "keys_missing", `there are no keys of persons in ${from}`);
  const { slots, damaged } = await readSlots(from);
  const unfinished = `${to}.unfinished`;
  const file = openSync(unfinished, "w", MODE);
  const before = existsSync(to) ? openSync(to, "r+") : undefined;
  try {
    writeSync(file, Buffer.concat(slots.map(({ bytes }) => bytes)));
    fsyncSync(file);
    renameSync(unfinished, to);
    syncDirectory(dirname(to));
    if (before !== undefined) wipe(before);
  } finally {
    closeSync(file);
    if (before !== undefined) closeSync(before);
  }
  return { keys: slots.length, damagedKeys: damaged };
}

/** What was copied, for people. */
export function keysText({ keys, damagedKeys }: CopiedKeys): string {
  return `${keys} keys of persons${damagedKeys === 0 ? "" : `, without ${damagedKeys} that are damaged`}`;
}

async function readSlots(path: string): Promise<{ readonly slots: readonly KeySlot[]; readonly damaged: number }> {
  for (let reads = 1; ; reads += 1) {
    const bytes = readFileSync(path);
    const read = Array.from({ length: Math.ceil(bytes.length / SLOT_BYTES) }, (_, index) =>
      KeySlot.read(bytes.subarray(index * SLOT_BYTES, (index + 1) * SLOT_BYTES)),
    );
    const damaged = read.filter((slot) => slot === "damaged").length;
    if (damaged === 0 || reads === READS_MAX) {
      return { slots: read.filter((slot) => slot instanceof KeySlot), damaged };
    }
    await delay(READ_PAUSE_MS);
  }
}

function wipe(file: number): void {
  const { length } = readFileSync(file);
  writeSync(file, Buffer.alloc(length), 0, length, 0);
  fsyncSync(file);
}
