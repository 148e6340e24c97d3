/** The client's own bounds, next to those that the server announces. Options of `Mizan.connect` override some. */

/** How long a call waits for its answer, reconnects included. */
export const TIMEOUT_MS = 10_000;

/** Most requests on the wire without an answer; commands beyond that gather into larger messages. */
export const IN_FLIGHT_MAX = 128;

/** Most commands and questions without an answer, on the wire and waiting; beyond that calls fail as `overloaded`. */
export const PENDING_MAX = 131_072;

/** Most updates that wait for the reader of a subscription before only the latest of each wallet is kept. */
export const UPDATES_BUFFERED_MAX = 1_024;

/** Most wallets whose latest update waits for a slow reader; beyond that the subscription ends as `slow_consumer`. */
export const WALLETS_BUFFERED_MAX = 65_536;

/** Most wallets of which a subscription to many remembers the last version, to give no step twice after a reconnect. */
export const VERSIONS_REMEMBERED_MAX = 131_072;

/** Bounds of the pause before a reconnect, which doubles from one attempt to the next and is shortened at random. */
export const RECONNECT_MS_MIN = 50;
export const RECONNECT_MS_MAX = 5_000;

/** The longest pause where there are several nodes: the next leader is soon among them. */
export const FAILOVER_MS_MAX = 500;

/** Attempts in a row with each node, without a connection that holds, after which the client gives up. */
export const RECONNECT_ATTEMPTS_MAX = 1_000;

/** How long one attempt to connect may take, from the ticket to the server's welcome. */
export const ATTEMPT_TIMEOUT_MS = 5_000;

/** A connection on which nothing arrived for this many heartbeat intervals is dead. */
export const HEARTBEATS_MISSED_MAX = 2.5;

/** How much longer, for the case that this process was too busy to read what had arrived. */
export const SILENCE_GRACE_MS = 100;

/** Bounds of the pause after the server said `overloaded`; it doubles like that before a reconnect. */
export const OVERLOAD_PAUSE_MS_MIN = 5;
export const OVERLOAD_PAUSE_MS_MAX = 1_000;

/** Pause before a command that is still running (`in_progress`, `replication_pending`) is asked for again. */
export const IN_PROGRESS_PAUSE_MS = 100;
