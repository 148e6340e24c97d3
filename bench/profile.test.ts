import { expect, test } from "vitest";
import { topFunctions } from "./profile.ts";

test("a function's time is the sum of its samples, from wherever it was called", () => {
  const frame = (functionName: string, url: string, lineNumber: number) => ({ functionName, url, lineNumber });
  const profile = {
    nodes: [
      { id: 1, callFrame: frame("(root)", "", -1) },
      { id: 2, callFrame: frame("apply", "file:///x/engine/shard/core.ts", 9) },
      { id: 3, callFrame: frame("", "file:///x/gateway/turn.ts", 0) },
      { id: 4, callFrame: frame("apply", "file:///x/engine/shard/core.ts", 9) },
    ],
    samples: [1, 2, 3, 4, 2],
    timeDeltas: [100, 200, 300, 250, 150],
  };
  expect(topFunctions(profile, 2)).toEqual([
    { name: "apply shard/core.ts:10", share: 0.6 },
    { name: "(anonymous) gateway/turn.ts:1", share: 0.3 },
  ]);
});
