import { serve } from "../gateway/serve.ts";
import { SETTINGS } from "../gateway/settings.ts";

/** `mizan start`: serves a ledger until a signal stops it, exactly as `npm start` does. */
export async function start(dataDir: string | undefined, options: { readonly json?: true }): Promise<void> {
  const env = dataDir === undefined ? process.env : { ...process.env, [SETTINGS.dataDir.name]: dataDir };
  const asJson = (facts: Readonly<Record<string, unknown>>): void => {
    process.stdout.write(`${JSON.stringify({ command: "start", ok: true, ...facts })}\n`);
  };
  await serve(env, options.json === true ? asJson : undefined);
}
