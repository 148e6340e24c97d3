import type { PersonKey } from "./seal.ts";

/** Where the keys of persons are kept: in this node's file, or in the log's topic as well. */
export interface KeyStore {
  /** Whether everything is here that is anywhere; false where that cannot be told in time. */
  isComplete(): Promise<boolean>;
  personIds(): readonly string[];
  /** A key of a person, as far as it is here. */
  find(personId: string, keyId: string): PersonKey | undefined;
  /**
   * The key with which a person is sealed next, durable wherever keys are kept: the one named, if it is here, else the newest one, else
   * a new one. **Errors**: rejects with a `KeyStorePendingError`.
   */
  forSealing(personId: string, keyId: string | undefined): Promise<PersonKey>;
  /** Destroys all keys of a person, wherever they are kept. **Errors**: rejects with a `KeyStorePendingError`. */
  destroy(personId: string): Promise<void>;
  close(): Promise<void>;
}

/** The log has not taken a key, or its end, in time; what was begun is done by another try. */
export class KeyStorePendingError extends Error {}
