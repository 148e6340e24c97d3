import { expect, test } from "vitest";
import { WALLET_STATUS } from "../../protocol/command-record.ts";
import { SIDE } from "../limits/limit-values.ts";
import { WalletColumns } from "../wallet/wallet-columns.ts";
import { LimitPart } from "./limit-part.ts";

const EGP = 818;
const CUSTOMER = 1;
const DAY_MS = 24 * 3_600_000;

function columns(count: number): WalletColumns {
  const wallets = new WalletColumns(0, count + 8, "Africa/Cairo");
  for (let number = 1; number <= count; number += 1) {
    const slot = wallets.open(new Uint32Array([number, 0, 0, 1, 7, 7, 7, 7]), 0, 4, EGP, CUSTOMER, 0, number);
    wallets.status[slot] = WALLET_STATUS.active;
  }
  wallets.limits.calendar.advance(DAY_MS);
  return wallets;
}

function chunksOf(part: LimitPart): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let chunk = part.next(); chunk !== undefined; chunk = part.next()) chunks.push(chunk);
  part.end();
  return chunks;
}

function snapshot(wallets: WalletColumns): Uint8Array[] {
  const part = new LimitPart(wallets.limits);
  part.begin();
  return chunksOf(part);
}

function loaded(chunks: readonly Uint8Array[], count: number): WalletColumns {
  const wallets = columns(count);
  const part = new LimitPart(wallets.limits);
  for (const chunk of chunks) part.load(chunk);
  return wallets;
}

test("nothing limited is nothing to copy", () => {
  expect(snapshot(columns(3))).toEqual([]);
});

test("limits of types alone come back", () => {
  const wallets = columns(3);
  wallets.limits.setType(EGP, CUSTOMER, { debit: { perDayMinor: 5 } });
  const chunks = snapshot(wallets);
  const back = loaded(chunks, 3);
  expect(back.limits.hasTypeLimits).toBe(true);
  expect(snapshot(back)).toEqual(chunks);
});

test("rows come back as they were when the snapshot began, whatever changed and was added since", () => {
  const count = 9_000;
  const wallets = columns(count);
  const { limits } = wallets;
  limits.setType(EGP, CUSTOMER, { credit: { count: { max: 3, windowMs: 60_000 } } });
  const slots = Array.from({ length: count }, (_, index) => wallets.count - count + index);
  for (const slot of slots.slice(0, 8_500)) limits.setOwn(slot, { debit: { perDayMinor: slot } }, slot);
  for (const slot of slots.slice(0, 5_000)) limits.add(slot, SIDE.debit, slot, 20_000);
  const before = snapshot(wallets);
  const part = new LimitPart(limits);
  part.begin();
  const chunks = [part.next()];
  for (const slot of [slots[0], slots[4_999], slots[8_400], slots[8_999]]) {
    limits.add(slot, SIDE.credit, 7, 30_000);
    limits.takeBack(slot, SIDE.debit, 1, DAY_MS, false);
  }
  limits.setOwn(slots[8_000], {}, 30_001);
  limits.setType(EGP, CUSTOMER, {});
  chunks.push(part.next(), part.next());
  expect(part.next()).toBeUndefined();
  part.end();
  expect(chunks).toEqual(before);
  expect(snapshot(wallets)).not.toEqual(before);
  expect(snapshot(loaded(before, count))).toEqual(before);
});
