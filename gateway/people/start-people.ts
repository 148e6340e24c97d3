import type { Logger } from "pino";
import type { Config } from "../config.ts";
import type { Dispatcher } from "../dispatcher.ts";
import type { NodeRole } from "../node-role.ts";
import { keyFilePath } from "./key-file.ts";
import { MasterKey } from "./master-key.ts";
import { People } from "./people.ts";
import { PersonKeys } from "./person-keys.ts";

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
  const keys = await PersonKeys.open(keyFilePath(config.dataDir), {
    current: new MasterKey(personalDataKey),
    previous: personalDataKeyPrevious === undefined ? undefined : new MasterKey(personalDataKeyPrevious),
  });
  const { damagedCount } = keys;
  if (damagedCount > 0) log.error({ damagedCount }, "slots of the file of persons' keys are damaged");
  const people = new People({ keys, dispatcher, role, log });
  const clear = (): void => {
    if (!role.isLeading) return;
    people
      .clearKeys()
      .catch((error: unknown) => log.error({ error: String(error) }, "the keys of persons could not be cleared"));
  };
  role.onChanged(clear);
  clear();
  return people;
}
