/** `npm start`: one ledger in one process. */

import { serve } from "./serve.ts";

await serve(process.env);
