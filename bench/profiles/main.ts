/** `npm run load`: drives a ledger as a profile says, and judges it. */

import { runLoad } from "./load-command.ts";

process.exitCode = await runLoad(process.argv.slice(2));
