import type { Pairing, Workload } from "./load/workload.ts";

/** The part of a workload that belongs to a row; the rest is the server's and the run's. */
export type Shape = Pick<
  Workload,
  "transport" | "connections" | "depth" | "commandsPerMessage" | "messagesPerSecond" | "mix" | "cards"
> & {
  readonly pairing: Pairing;
};

const CLOSED = { pairing: "uniform", messagesPerSecond: null } as const;

/** What is sent to a ledger and, for its limit, to an echo. */
export const SHAPES = {
  batch: { ...CLOSED, transport: "binary", connections: 2, depth: 4, commandsPerMessage: 8_190 },
  hundred: { ...CLOSED, transport: "binary", connections: 8, depth: 8, commandsPerMessage: 100 },
  hundredHot: { ...CLOSED, transport: "binary", connections: 8, depth: 8, commandsPerMessage: 100, pairing: "hot" },
  hundredMerchant: {
    ...CLOSED,
    transport: "binary",
    connections: 8,
    depth: 8,
    commandsPerMessage: 100,
    pairing: "merchant",
  },
  single: { ...CLOSED, transport: "binary", connections: 16, depth: 64, commandsPerMessage: 1 },
  actors: { ...CLOSED, transport: "actors", connections: 4, depth: 4, commandsPerMessage: 100 },
  json: { ...CLOSED, transport: "json", connections: 16, depth: 64, commandsPerMessage: 1 },
  rest: { ...CLOSED, transport: "rest", connections: 256, depth: 1, commandsPerMessage: 1 },
  scheduled: {
    pairing: "uniform",
    messagesPerSecond: 12_500,
    transport: "binary",
    connections: 16,
    depth: 1_024,
    commandsPerMessage: 1,
  },
} as const satisfies Record<string, Shape>;
