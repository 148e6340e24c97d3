/** `npm run watch -- WALLET_ID`: prints each step of a wallet's balance, one line a step, until it is interrupted. */

import { Mizan, MizanError } from "../index.ts";

const { MIZAN_URL: url = "http://127.0.0.1:7070", MIZAN_API_KEY: apiKey = "" } = process.env;
const [walletId = ""] = process.argv.slice(2);

try {
  const mizan = await Mizan.connect({ url, apiKey });
  for await (const { kind, postedMinor, availableMinor, currency, version, position } of mizan.subscribe({
    walletId,
  })) {
    console.log(
      `${kind} posted ${postedMinor} available ${availableMinor} ${currency} version ${version} at ${position}`,
    );
  }
} catch (error) {
  if (!(error instanceof MizanError)) throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exit(1);
}
