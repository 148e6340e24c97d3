import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { BalanceUpdate } from "./results.ts";
import { VersionGate } from "./version-gate.ts";

type Told = Pick<BalanceUpdate, "walletId" | "version" | "kind" | "reset" | "conflated">;

function told({ version, walletId = "a", kind = "change", reset = false, conflated = false }: Partial<Told>) {
  return { walletId, version, kind, reset, conflated } as BalanceUpdate;
}

describe("version gate", () => {
  test("lets versions of a wallet through once and in order, whatever arrives, and marks each gap", () => {
    const arrival = fc.record({ walletId: fc.constantFrom("a", "b"), version: fc.integer({ min: 1, max: 12 }) });
    fc.assert(
      fc.property(fc.array(fc.option(arrival), { maxLength: 60 }), (arrivals) => {
        const gate = new VersionGate(10);
        const last = new Map<string, number>();
        for (const step of arrivals) {
          if (step === null) {
            gate.resume();
            continue;
          }
          const passed = gate.pass(told(step));
          const before = last.get(step.walletId);
          expect(passed === undefined).toBe(before !== undefined && step.version <= before);
          if (passed === undefined) continue;
          expect(passed.reset).toBe(before !== undefined && step.version !== before + 1);
          last.set(step.walletId, step.version);
          expect(gate.lastVersion(step.walletId)).toBe(step.version);
        }
      }),
    );
  });

  test("goes back with the first state of a connection only", () => {
    const gate = new VersionGate(10);
    gate.pass(told({ version: 9, kind: "state" }));
    expect(gate.pass(told({ version: 7, kind: "state", reset: true }))).toBeUndefined();
    gate.resume();
    expect(gate.pass(told({ version: 8 }))).toBeUndefined();
    expect(gate.pass(told({ version: 7, kind: "state" }))).toMatchObject({ version: 7, reset: true });
    expect(gate.pass(told({ version: 6, kind: "state" }))).toBeUndefined();
    expect(gate.pass(told({ version: 8 }))).toMatchObject({ version: 8, reset: false });
  });

  test("forgets the wallet whose last step is oldest where there are too many", () => {
    const gate = new VersionGate(2);
    for (const walletId of ["a", "b"]) gate.pass(told({ walletId, version: 5 }));
    gate.pass(told({ walletId: "a", version: 6 }));
    gate.pass(told({ walletId: "c", version: 1 }));
    expect(["a", "b", "c"].map((walletId) => gate.lastVersion(walletId))).toEqual([6, undefined, 1]);
  });
});
