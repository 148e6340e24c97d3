import { expect, test } from "vitest";
import { formatUuid, uuidTimeMs } from "../../protocol/ids.ts";
import { CommandIds } from "./command-ids.ts";

test("command ids are distinct UUIDv7 of the time given", () => {
  const ids = new CommandIds();
  const nowMs = Date.UTC(2026, 10, 21, 12, 34, 56, 789);
  ids.refresh(nowMs);
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  const seen = new Set<string>();
  for (let i = 0; i < 50_000; i += 1) {
    ids.write(view, 0);
    seen.add(formatUuid(bytes));
    expect(uuidTimeMs(new Uint32Array(bytes.buffer), 0)).toBe(nowMs);
    expect(bytes[8] >>> 6).toBe(0b10);
  }
  expect(seen.size).toBe(50_000);
});
