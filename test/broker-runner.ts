/** Starts a broker, tells its directory, and waits to be killed. */

import { TemporaryBroker } from "./temporary-broker.ts";

const broker = await TemporaryBroker.create();
await broker.start();
process.stdout.write(`${broker.dataDir}\n`);
setInterval(() => undefined, 1_000);
