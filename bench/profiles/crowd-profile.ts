import { z } from "zod";

const count = z.int().min(0).max(200_000);
const atSeconds = z.number().min(0).max(604_800);

const restart = z.strictObject({
  atSeconds: atSeconds.describe("When the ledger is stopped and started again, since the first message was due."),
  backoffMsMin: z.number().positive().max(60_000).default(100),
  backoffMsMax: z.number().positive().max(60_000).default(2_000).describe("Longest pause before another attempt."),
});

const hostile = z.strictObject({
  atSeconds: atSeconds.describe("When they come, since the first message was due."),
  slow: count.describe("Clients that follow every wallet and read nothing."),
  silent: count.describe("Clients that read and never answer pings."),
});

const thresholds = z.strictObject({
  backSeconds: z
    .number()
    .positive()
    .optional()
    .describe("From when the ledger is ready until everybody follows again."),
  stormP99Factor: z
    .number()
    .positive()
    .optional()
    .describe("99th percentile of the commands due meanwhile, in units of the one before."),
  stormP99Ms: z.number().positive().optional(),
  hostileP99Factor: z.number().positive().optional().describe("The same beside slow and silent clients."),
  bytesPerConnection: z.number().positive().optional().describe("Resident memory of a dashboard with what it follows."),
});

/** A crowd of dashboards over JSON WebSockets, and what it goes through while the stages run. */
export const crowdSchema = z
  .strictObject({
    dashboards: count.min(1).describe("Connections that are open at once and stay."),
    activeShare: z
      .number()
      .min(0)
      .max(1)
      .default(0.1)
      .describe("Part of them that follows wallets of the run, and asks for something now and then."),
    askSeconds: z.number().positive().max(86_400).default(5).describe("How often an active one asks."),
    walletsEach: z.int().min(1).max(100).default(10),
    quietWallets: z.int().min(1).max(1_000_000).describe("Wallets that the others follow; nothing moves them."),
    openingMax: z.int().min(1).max(2_000).default(100).describe("Connections opened at once where nothing hurries."),
    restart: restart.optional(),
    hostile: hostile.optional(),
    thresholds: thresholds.default({}),
  })
  .refine(
    ({ restart: { backoffMsMin, backoffMsMax } = { backoffMsMin: 0, backoffMsMax: 1 } }) =>
      backoffMsMin <= backoffMsMax,
    {
      path: ["restart", "backoffMsMin"],
      message: "is above backoffMsMax",
    },
  );

export type CrowdProfile = z.infer<typeof crowdSchema>;
