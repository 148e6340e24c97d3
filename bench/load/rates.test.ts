import fc from "fast-check";
import { expect, test } from "vitest";
import { type Profile, profileSchema, readProfile } from "../profiles/profile.ts";
import { commandStretches, partOf, stretchesOf } from "./rates.ts";

const share = fc.integer({ min: 1, max: 50 });
const profile: fc.Arbitrary<Profile> = fc
  .record({
    rates: fc.array(fc.integer({ min: 1, max: 10_000 }), { minLength: 1, maxLength: 4 }),
    shares: fc.array(fc.tuple(share, fc.integer({ min: 1, max: 100 })), { minLength: 1, maxLength: 4 }),
    generators: fc.integer({ min: 1, max: 4 }),
  })
  .map(({ rates, shares, generators }) =>
    profileSchema.parse({
      ...readProfile("smoke"),
      generators,
      stages: rates.map((ratePerSecond, at) => ({
        name: `stage ${at}`,
        durationSeconds: 1 + at,
        ratePerSecond,
        ramp: at % 2 === 0 ? "step" : "linear",
        connections: 4,
      })),
      clients: shares.map(([of, commandsPerMessage]) => ({ transport: "binary", share: of, commandsPerMessage })),
    }),
  );

test("the messages of all clients and generators together carry the commands of the profile", () => {
  fc.assert(
    fc.property(profile, (one) => {
      const wanted = commandStretches(one);
      for (const [stage, { fromRate, toRate }] of wanted.entries()) {
        let from = 0;
        let to = 0;
        for (const client of one.clients) {
          const stretch = stretchesOf(one, client)[stage];
          from += stretch.fromRate * client.commandsPerMessage * one.generators;
          to += stretch.toRate * client.commandsPerMessage * one.generators;
        }
        expect(from).toBeCloseTo(fromRate, 6);
        expect(to).toBeCloseTo(toRate, 6);
      }
    }),
  );
});

test("parts of connections add up where each process can have one, and none is left without", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10_000 }), fc.integer({ min: 1, max: 16 }), (total, processes) => {
      const parts = Array.from({ length: processes }, (_, process) => partOf(total, process, processes));
      expect(Math.min(...parts)).toBeGreaterThanOrEqual(1);
      const sum = parts.reduce((all, part) => all + part, 0);
      if (total >= processes) expect(sum).toBe(total);
      else expect(sum).toBe(processes);
    }),
  );
});
