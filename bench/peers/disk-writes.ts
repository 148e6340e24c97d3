import { readFileSync, statSync } from "node:fs";

/** Of /sys/dev/block/…/stat, counted from zero. */
const SECTORS_WRITTEN_FIELD = 6;
/** Whatever the disk calls a sector. */
const SECTOR_BYTES = 512;

/**
 * What the disk of a directory was made to write since the machine started, whoever did it; null where the system does
 * not tell. **Units**: bytes.
 *
 * What /proc/PID/io counts for a process is too much by far where the file system keeps files in large folios: a page
 * that is written counts as all of its folio.
 *
 * **Source**: Documentation/block/stat.rst of Linux.
 */
export function diskWrittenBytes(directory: string): number | null {
  try {
    const { dev } = statSync(directory);
    const major = (dev >>> 8) & 0xfff;
    const minor = (dev & 0xff) | ((dev >>> 12) & 0xfff00);
    const fields = readFileSync(`/sys/dev/block/${major}:${minor}/stat`, "utf8").trim().split(/\s+/);
    return Number(fields[SECTORS_WRITTEN_FIELD]) * SECTOR_BYTES;
  } catch {
    return null;
  }
}
