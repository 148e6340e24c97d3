import { expect, test } from "vitest";
import { ReceiptOrder, type ReceiptState, receiptAggregate, receiptKey } from "./receipt.ts";

function receipt(fromShard: number, number: number): ReceiptState {
  return {
    id: `id-${number}`,
    fromShard,
    number,
    code: "ok",
    position: "1:5",
    postedMinor: 30,
    availableMinor: 30,
    version: 3,
  };
}

test("given nothing, when a receipt is to be kept, then it is", () => {
  const command = { type: "KeepReceipt", receipt: receipt(0, 1), completedThrough: 0 } as const;
  const decision = receiptAggregate.decide(undefined, command, { nowMs: 1 });
  const event = { type: "ReceiptKept", receipt: receipt(0, 1), completedThrough: 0 } as const;
  expect(decision).toEqual({ code: "ok", events: [event] });
  expect(receiptAggregate.evolve(undefined, event)).toEqual(receipt(0, 1));
});

test("given a receipt, when it is to be kept again, then nothing happens", () => {
  const command = { type: "KeepReceipt", receipt: receipt(0, 1), completedThrough: 0 } as const;
  expect(receiptAggregate.decide(receipt(0, 1), command, { nowMs: 1 })).toEqual({ code: "ok", events: [] });
});

test("a receipt is known by its sender and the sender's number", () => {
  const keys = [receipt(0, 1), receipt(0, 2), receipt(1, 1), receipt(11, 1), receipt(1, 11)].map(receiptKey);
  expect(new Set(keys).size).toBe(5);
});

test("receipts are taken out sender by sender, up to the number that it knows of", () => {
  const order = new ReceiptOrder();
  for (const [fromShard, number] of [
    [0, 1],
    [2, 1],
    [0, 2],
    [0, 3],
  ]) {
    order.add(receipt(fromShard, number));
  }
  const taken = (fromShard: number, through: number): number[] =>
    [...order.takeThrough(fromShard, through)].map(({ number }) => number);
  expect(taken(0, 0)).toEqual([]);
  expect(taken(0, 2)).toEqual([1, 2]);
  expect(taken(0, 2)).toEqual([]);
  expect(taken(0, 9)).toEqual([3]);
  expect(taken(1, 9)).toEqual([]);
  expect(taken(2, 9)).toEqual([1]);
});
