import { expect, test } from "vitest";
import { WALLET_STATUS } from "../../protocol/command-record.ts";
import { COMMANDS_PER_MESSAGE_MAX } from "../../protocol/limits.ts";
import { DELTA } from "../../protocol/result-record.ts";
import { RING_DELTA, RING_DELTA_BYTES } from "../port/entries.ts";
import { WalletColumns } from "../wallet/wallet-columns.ts";
import { DeltaBuffer } from "./delta-buffer.ts";

function wallets(): WalletColumns {
  const columns = new WalletColumns(3, 16);
  columns.open(new Uint32Array([1, 1, 1, 1, 2, 2, 2, 2]), 0, 4, 818, 2, 50, 1);
  columns.open(new Uint32Array([1, 1, 1, 2, 2, 2, 2, 3]), 0, 4, 818, 1, 0, 2);
  return columns;
}

test("a delta is the wallet as it is when it is added", () => {
  const columns = wallets();
  const slot = 5;
  columns.postedMinor[slot] = -7;
  columns.overdraftLimitMinor[slot] = 10;
  columns.version[slot] = 2 ** 40;
  columns.status[slot] = WALLET_STATUS.frozen;
  const deltas = new DeltaBuffer(columns);
  deltas.add(4, 10, 1_000);
  deltas.add(slot, 2 ** 33, 1_700_000_000_000);
  columns.postedMinor[slot] = 99;
  const view = new DataView(deltas.bytes.buffer, RING_DELTA_BYTES);
  expect([...new Uint32Array(deltas.bytes.buffer, RING_DELTA_BYTES, 4)]).toEqual([1, 1, 1, 2]);
  expect(view.getBigInt64(DELTA.postedMinor, true)).toBe(-7n);
  expect(view.getBigInt64(DELTA.availableMinor, true)).toBe(3n);
  expect(view.getBigUint64(DELTA.version, true)).toBe(2n ** 40n);
  expect(view.getBigUint64(DELTA.sequence, true)).toBe(2n ** 33n);
  expect(view.getBigUint64(DELTA.timestampMs, true)).toBe(1_700_000_000_000n);
  expect(view.getUint16(DELTA.currency, true)).toBe(818);
  expect(view.getUint8(DELTA.shard)).toBe(3);
  expect(view.getUint8(DELTA.status)).toBe(WALLET_STATUS.frozen);
  expect(view.getUint8(DELTA.flags)).toBe(0);
  expect(view.getUint8(DELTA.type)).toBe(1);
  expect(view.getUint32(RING_DELTA.slot, true)).toBe(slot);
  expect(view.getUint32(RING_DELTA.ownerIndex, true)).toBe(1);
  expect(deltas.count).toBe(2);
});

test("has room for two deltas of each command of a full message, and no more", () => {
  const deltas = new DeltaBuffer(wallets());
  for (let command = 0; command < COMMANDS_PER_MESSAGE_MAX; command += 1) {
    expect(deltas.hasRoom()).toBe(true);
    deltas.add(4, command, 0);
    deltas.add(5, command, 0);
  }
  expect(deltas.hasRoom()).toBe(false);
  expect(deltas.bytes.byteLength).toBe(deltas.count * RING_DELTA_BYTES);
  deltas.truncate(3);
  expect(deltas.count).toBe(3);
  expect(deltas.hasRoom()).toBe(true);
});
