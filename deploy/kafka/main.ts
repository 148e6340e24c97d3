/** `npm run kafka -- start|stop|status|fetch`: a Kafka broker on this machine, alone in its cluster. */

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { Command, CommanderError } from "commander";
import { CommandError } from "../command-error.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { Terminal } from "../terminal.ts";
import { propertiesPath } from "./broker-process.ts";
import { logPath } from "./broker-start.ts";
import { prepareKafka } from "./installation.ts";
import { KafkaBroker } from "./kafka-broker.ts";
import { cacheDirectory, KAFKA_VERSION } from "./kafka-jars.ts";
import { portIn } from "./server-properties.ts";

const PORT = 9_092;
const PORT_MAX = 65_534;
const DATA_DIR = "kafka-data";

interface Options {
  readonly data: string;
  readonly port?: string;
  readonly json?: true;
}

/** The broker of a directory, on the port that is asked for, else on that of its last start. */
function brokerOf({ data, port }: Options): KafkaBroker {
  const dataDir = resolve(data);
  // Kafka reads a comma in a path as the end of it.
  if (dataDir.includes(",")) {
    throw new CommandError(EXIT.usage, "data_dir_unusable", `the data directory must not have a comma: ${dataDir}`);
  }
  const wanted = port === undefined ? (lastPort(dataDir) ?? PORT) : Number(port);
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > PORT_MAX) {
    throw new CommandError(
      EXIT.usage,
      "port_invalid",
      `the port must be a whole number from 1 to ${PORT_MAX}: ${port}`,
    );
  }
  return new KafkaBroker({ dataDir, port: wanted, outlivesCaller: true });
}

function lastPort(dataDir: string): number | undefined {
  try {
    return portIn(readFileSync(propertiesPath(dataDir), "utf8"));
  } catch {
    return undefined;
  }
}

async function start(options: Options): Promise<void> {
  const terminal = new Terminal(options.json === true);
  const broker = brokerOf(options);
  await broker.start((line) => terminal.note(line));
  const { address, pid, dataDir } = broker;
  terminal.say(`Kafka ${KAFKA_VERSION} serves on ${address}, process ${pid}, data and broker.log in ${dataDir}`);
  terminal.result({ command: "start", ok: true, address, pid, dataDir, log: logPath(dataDir) });
}

async function stop(options: Options): Promise<void> {
  const terminal = new Terminal(options.json === true);
  const broker = brokerOf(options);
  const { pid, dataDir } = broker;
  await broker.stop();
  terminal.say(pid === undefined ? `no broker runs in ${dataDir}` : `stopped, process ${pid}`);
  terminal.result({ command: "stop", ok: true, pid, dataDir });
}

async function status(options: Options): Promise<void> {
  const terminal = new Terminal(options.json === true);
  const broker = brokerOf(options);
  const { address, pid, dataDir } = broker;
  const isServing = pid !== undefined && (await broker.isServing());
  const state = pid === undefined ? "stopped" : isServing ? "serving" : "not answering";
  terminal.say(
    pid === undefined ? `stopped, data in ${dataDir}` : `${state} on ${address}, process ${pid}, data in ${dataDir}`,
  );
  terminal.result({ command: "status", ok: isServing, state, address, pid, dataDir, log: logPath(dataDir) });
  if (!isServing) process.exitCode = EXIT.problems;
}

async function fetchAll(options: Pick<Options, "json">): Promise<void> {
  const terminal = new Terminal(options.json === true);
  await prepareKafka((line) => terminal.note(line));
  terminal.say(`Kafka ${KAFKA_VERSION} is in ${cacheDirectory()}`);
  terminal.result({ command: "fetch", ok: true, directory: cacheDirectory() });
}

function program(): Command {
  const kafka = new Command("kafka")
    .description(`Runs Apache Kafka ${KAFKA_VERSION} on this machine: one broker, on loopback.`)
    .showHelpAfterError()
    .exitOverride();
  const command = (name: string, description: string): Command =>
    kafka.command(name).description(description).option("--json", "print the result as one JSON object").exitOverride();
  const onData = (name: string, description: string): Command =>
    command(name, description).option("--data <dir>", "directory of the broker", DATA_DIR);
  const port = `port for clients; without it that of the last start, else ${PORT}; the next port is taken too`;
  onData("start", "Start the broker and wait until it serves.").option("--port <port>", port).action(start);
  onData("stop", "Stop the broker; done, too, when none runs.").action(stop);
  onData("status", "Tell whether the broker serves; exit code 1 when not.").action(status);
  command("fetch", "Get what a start needs; later starts need no network.").action(fetchAll);
  return kafka;
}

function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CommandError) return error.exitCode;
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  return EXIT.problems;
}

try {
  await program().parseAsync(process.argv);
} catch (error) {
  process.exitCode = exitCodeOf(error);
  if (!(error instanceof CommanderError)) {
    const message = error instanceof Error ? error.message : String(error);
    const code = error instanceof CommandError ? error.code : "failed";
    const isJson = process.argv.includes("--json");
    new Terminal(isJson).result({ command: process.argv[2], ok: false, error: { code, message } });
    new Terminal(isJson).note(`kafka: ${message}`);
  }
}
