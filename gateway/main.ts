/** `npm start`: one ledger in one process. */

import { pino } from "pino";
import { loadConfig } from "./config.ts";
import { type RunningServer, startServer } from "./server.ts";
import { StartError } from "./start-error.ts";

const EXIT_FAILED = 1;

async function main(): Promise<void> {
  const config = loadConfig(process.env);
  // Standard output is for people; the log goes beside it.
  const log = pino({ level: config.logLevel, base: null }, pino.destination({ fd: 2, sync: true }));
  const server = await startServer(config, log, (message) => {
    log.fatal({ code: "shard_stopped" }, message);
    process.exit(EXIT_FAILED);
  });
  stopOnSignal(server);
  announce(server, config);
}

function announce(server: RunningServer, config: { readonly host: string; readonly dataDir: string }): void {
  const { adminKey, shardCount } = server;
  switch (adminKey.kind) {
    case "generated":
      say(`admin API key, shown this once: ${adminKey.key}`);
      break;
    case "revoked":
      say("MIZAN_ADMIN_KEY names a key that was revoked; it opens nothing");
      break;
    case "no_admin":
      say("no admin API key is left; start once with a fresh MIZAN_ADMIN_KEY to make one");
      break;
    case "configured":
      break;
  }
  const shards = shardCount === 1 ? "1 shard" : `${shardCount} shards`;
  say(`Mizan serves http://${config.host}:${server.port} with ${shards}, data in ${config.dataDir}`);
}

function stopOnSignal(server: RunningServer): void {
  let isStopping = false;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (isStopping) return;
      isStopping = true;
      server.stop().then(
        () => process.exit(0),
        (error: unknown) => fail(error),
      );
    });
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function fail(error: unknown): void {
  const text = error instanceof StartError ? `${error.code}: ${error.message}` : String(error);
  process.stderr.write(`Mizan cannot go on. ${text}\n`);
  process.exit(EXIT_FAILED);
}

main().catch(fail);
