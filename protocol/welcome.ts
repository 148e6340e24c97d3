/**
 * What a server says about itself in the Welcome frame, behind the header.
 *
 * **Shape**: eight u32, little-endian, at the offsets of `WELCOME`; the last one is reserved.
 */
export const WELCOME_BYTES = 32;
export const WELCOME = {
  commandsPerMessageMax: 0,
  messageBytesMax: 4,
  inflightMax: 8,
  lookupsPerMessageMax: 12,
  subscriptionsMax: 16,
  shards: 20,
  heartbeatIntervalMs: 24,
} as const;
