/**
 * What a server says about itself in the Welcome frame, behind the header.
 *
 * **Shape**: seven u32, little-endian, at the offsets of `WELCOME`; then role u8, acks u8 and leaderBytes u16. The URL of the
 * leader follows, as UTF-8 of so many bytes padded with zeros to a multiple of 8, where this node is a standby that knows it.
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
  role: 28,
  acks: 29,
  leaderBytes: 30,
} as const;

/** Whether the node leads the ledger or follows. */
export const WELCOME_ROLE = { leader: 0, standby: 1 } as const;

/** What the answers of the connection wait for. */
export const WELCOME_ACKS = { local: 0, replicated: 1 } as const;
