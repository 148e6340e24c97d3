/** How Kafka's brokers are reached: the same for a ledger and for those who read its events. */
export interface BrokerAccess {
  /** `host:port` each. */
  readonly brokers: readonly string[];
  /** Whether over TLS. `ca` are the certificates that count instead of the well-known ones, in PEM. Default: no. */
  readonly tls?: boolean | { readonly ca: string };
  /** Who asks. Default: nobody in particular. */
  readonly sasl?: Sasl<"plain"> | Sasl<"scram-sha-256"> | Sasl<"scram-sha-512">;
}

interface Sasl<Mechanism> {
  readonly mechanism: Mechanism;
  readonly username: string;
  readonly password: string;
}

/** The same in the names of kafkajs. */
export function kafkaConnection({ brokers, tls = false, sasl }: BrokerAccess) {
  return { brokers: [...brokers], ssl: tls, ...(sasl && { sasl }) };
}
