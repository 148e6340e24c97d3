import type { Logger } from "pino";
import { type Config, loadConfig } from "./config.ts";
import { createLog } from "./log.ts";
import { kafkaReplication } from "./replicated-node.ts";
import { type RunningServer, startServer } from "./server.ts";
import { StartError } from "./start-error.ts";
import { RecentLines } from "./status/recent-lines.ts";

const EXIT_FAILED = 1;

/**
 * Runs a ledger in this process until a signal stops it, with settings from environment variables.
 *
 * `onServing` is told where it serves, instead of the lines for people on standard output.
 */
export async function serve(
  env: Readonly<Record<string, string | undefined>>,
  onServing?: (facts: Readonly<Record<string, unknown>>) => void,
): Promise<void> {
  try {
    const config = loadConfig(env);
    const recentLines = new RecentLines();
    const log = createLog(config, recentLines);
    let running = await start(config, log, recentLines);
    stopOnSignal(() => running.stop());
    if (onServing === undefined) announce(running, config);
    else {
      const { port, shardCount, adminKey } = running;
      onServing({ url: `http://${config.host}:${port}`, shards: shardCount, dataDir: config.dataDir, adminKey });
    }
    for (;;) {
      await running.steppedDown;
      await running.stop();
      running = await start(config, log, recentLines);
    }
  } catch (error) {
    fail(error);
  }
}

async function start(config: Config, log: Logger, recentLines: RecentLines): Promise<RunningServer> {
  return startServer(
    config,
    log,
    (message) => {
      log.fatal({ code: "shard_stopped" }, message);
      process.exit(EXIT_FAILED);
    },
    config.kafkaBrokers.length === 0 ? undefined : kafkaReplication,
    recentLines,
  );
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

function stopOnSignal(stop: () => Promise<void>): void {
  let isStopping = false;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (isStopping) return;
      isStopping = true;
      stop().then(
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
