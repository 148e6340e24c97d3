import type { Logger } from "pino";
import type { Config } from "../config.ts";
import type { Dispatcher } from "../dispatcher.ts";
import type { NodeRole } from "../node-role.ts";
import { kafkaAccess } from "../replicator-options.ts";
import { keyFilePath } from "./key-file.ts";
import { MasterKey } from "./master-key.ts";
import { People } from "./people.ts";
import { PersonKeys } from "./person-keys.ts";
import { ReplicatedKeys } from "./replicated-keys.ts";

interface PeopleContext {
  readonly config: Config;
  readonly dispatcher: Dispatcher;
  readonly role: NodeRole;
  readonly log: Logger;
}

/** Opens the keys of persons; undefined where the ledger has no master key for them. **Errors**: `personal_data_key_wrong`. */
export async function startPeople({ config, dispatcher, role, log }: PeopleContext): Promise<People | undefined> {
  const { personalDataKey, personalDataKeyPrevious } = config;
  if (personalDataKey === undefined) return undefined;
  const local = await PersonKeys.open(keyFilePath(config.dataDir), {
    current: new MasterKey(personalDataKey),
    previous: personalDataKeyPrevious === undefined ? undefined : new MasterKey(personalDataKeyPrevious),
  });
  const { damagedCount } = local;
  if (damagedCount > 0) log.error({ damagedCount }, "slots of the file of persons' keys are damaged");
  const shared = config.kafkaBrokers.length === 0 ? undefined : shareKeys(local, config, role, log);
  const people = new People({ keys: shared ?? local, dispatcher, role, log });
  const lead = async (): Promise<void> => {
    if (!role.isLeading) return;
    await shared?.lead();
    // What was erased must not be shared again.
    await people.clearKeys();
    await shared?.shareAll();
  };
  const begin = (): void => {
    lead().catch((error: unknown) => log.error({ error: String(error) }, "the keys of persons are not in order"));
  };
  role.onChanged(begin);
  begin();
  return people;
}

function shareKeys(local: PersonKeys, config: Config, role: NodeRole, log: Logger): ReplicatedKeys {
  return new ReplicatedKeys({
    local,
    access: kafkaAccess(config),
    topic: `${config.journalTopic}.person-keys`,
    withinMs: config.replicationTimeoutMs,
    isLeading: () => role.isLeading,
    log,
  });
}
