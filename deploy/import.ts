import { randomUUID } from "node:crypto";
import { createReadStream, statSync } from "node:fs";
import { createInterface } from "node:readline";
import { FORMAT_VERSION } from "../engine/journal/frame.ts";
import type { LedgerFile } from "../engine/ledger-file.ts";
import { loadConfig } from "../gateway/config.ts";
import { shardOfUuid, UuidV7 } from "../protocol/ids.ts";
import { SHARDS_MAX } from "../protocol/limits.ts";
import { BuiltDirectory } from "./built-directory.ts";
import { CommandError } from "./command-error.ts";
import type { EventLine, ExportHeader } from "./event-line.ts";
import { type Parsed, parseEnd, parseEvent, parseHeader } from "./event-schema.ts";
import { EXIT } from "./exit-code.ts";
import { type OpeningBalance, openingEvents, parseOpeningBalance } from "./opening-balances.ts";
import { LedgerRebuilder } from "./rebuild/ledger-rebuilder.ts";
import { ShardWriter } from "./rebuild/shard-writer.ts";
import { emptyState } from "./replay.ts";
import { Terminal } from "./terminal.ts";

/** Bad lines that are told one by one; behind them only their number is. */
const PROBLEMS_MAX = 100;
const CALENDAR_TIME_ZONE = "Africa/Cairo";

/** What is wrong with a line. */
interface LineProblem {
  readonly line: number;
  readonly problem: string;
}

interface ImportOptions {
  readonly json?: true;
  readonly shards?: string;
  readonly keys?: string;
}

/**
 * `mizan import`: makes a ledger from an export, or from wallets with opening balances.
 *
 * The file is read twice: every bad line is told before anything is written, and what is written gets its name at the end.
 */
export async function importEvents(file: string, dataDir: string, options: ImportOptions): Promise<void> {
  const terminal = new Terminal(options.json === true);
  const { header, problems, bad } = await check(file);
  if (bad > 0) {
    for (const { line, problem } of problems) terminal.note(`${file}:${line}: ${problem}`);
    terminal.note(`${bad} bad lines; nothing was imported`);
    terminal.result({
      command: "import",
      ok: false,
      error: { code: "bad_lines", message: `${bad} bad lines` },
      problems,
    });
    process.exitCode = EXIT.usage;
    return;
  }
  const shards = shardsOf(options.shards, header);
  const ledger: LedgerFile = {
    formatVersion: FORMAT_VERSION,
    ledgerId: randomUUID(),
    shards,
    calendarTimeZone: header?.calendarTimeZone ?? loadConfig(process.env).calendarTimeZone ?? CALENDAR_TIME_ZONE,
    createdAt: new Date().toISOString(),
  };
  const target = new BuiltDirectory(dataDir, ledger);
  const writers = target.journals.map((journal, shard) => new ShardWriter(emptyState(ledger, shard), journal));
  const rebuilder = new LedgerRebuilder(writers, header?.shards ?? shards);
  const progress = terminal.progress("importing", statSync(file).size);
  let events = 0;
  try {
    const ids = new UuidV7();
    const nowMs = Date.now();
    for await (const { line, text } of linesOf(file)) {
      atLine(file, line, () => {
        if (header === undefined) {
          const wallet = openingBalanceOf(text);
          const shard = shardOfUuid(wallet.walletId, shards);
          for (const record of openingEvents(wallet, shards, ids)) {
            rebuilder.take({ shard, sequence: 0, clockMs: nowMs, record });
            events += 1;
          }
        } else if (!text.startsWith('{"mizan":')) {
          const { position, time, ...record } = JSON.parse(text) as EventLine;
          rebuilder.take({ shard: Number(position.split(":")[0]), sequence: 0, clockMs: Date.parse(time), record });
          events += 1;
        }
      });
      await progress.advance(text.length + 1);
    }
    finish(rebuilder);
    if (options.keys !== undefined) await target.takeKeys(options.keys);
    await target.finish();
  } catch (error) {
    await target.drop();
    throw error;
  }
  progress.end();
  const wallets = writers.reduce((sum, { state }) => sum + state.wallets.count, 0);
  terminal.say(`${events} events imported into ${dataDir}: ${wallets} wallets and accounts on ${shards} shards`);
  terminal.result({ command: "import", ok: true, events, wallets, shards, ledgerId: ledger.ledgerId });
}

/** Reads the whole file for lines that cannot be right by themselves. */
async function check(
  file: string,
): Promise<{ header: ExportHeader | undefined; problems: readonly LineProblem[]; bad: number }> {
  const problems: LineProblem[] = [];
  let bad = 0;
  const tell = (line: number, problem: string): void => {
    bad += 1;
    if (problems.length < PROBLEMS_MAX) problems.push({ line, problem });
  };
  let header: ExportHeader | undefined;
  let isOpening = false;
  let isEnded = false;
  let events = 0;
  let last = 0;
  for await (const { line, text } of linesOf(file)) {
    last = line;
    const value = jsonOf(text);
    if ("problem" in value) {
      tell(line, value.problem);
      events += 1;
      continue;
    }
    if (line === 1) {
      isOpening = !(typeof value.value === "object" && value.value !== null && "mizan" in value.value);
    }
    if (isEnded) {
      tell(line, "comes after the last line of the export");
      continue;
    }
    let result: Parsed<unknown>;
    if (isOpening) result = parseOpeningBalance(value.value);
    else if (line === 1) {
      const parsed = parseHeader(value.value);
      if ("value" in parsed) header = parsed.value;
      result =
        "value" in parsed && !parsed.value.isWhole
          ? { problem: "the export does not begin with the first event" }
          : parsed;
    } else if (text.startsWith('{"mizan":')) {
      const parsed = parseEnd(value.value);
      isEnded = true;
      result =
        "value" in parsed && parsed.value.events !== events
          ? { problem: `${parsed.value.events} events were exported, ${events} are here` }
          : parsed;
    } else {
      events += 1;
      result = parseEvent(value.value);
    }
    if ("problem" in result) tell(line, result.problem);
  }
  if (last === 0) tell(1, "the file is empty");
  else if (!isOpening && !isEnded && bad === 0)
    tell(last, "the last line of the export is missing: the file is cut off");
  return { header, problems, bad };
}

function jsonOf(text: string): Parsed<unknown> {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return { problem: "is no JSON" };
  }
}

async function* linesOf(file: string): AsyncGenerator<{ readonly line: number; readonly text: string }> {
  const input = createReadStream(file);
  // An error of the stream does not reach the reader of lines by itself.
  const failed = new Promise<never>((_, reject) =>
    input.once("error", (error) => reject(new CommandError(EXIT.usage, "file_unreadable", error.message))),
  );
  const opened = new Promise((resolve) => input.once("open", resolve));
  await Promise.race([opened, failed]);
  failed.catch(() => {});
  let line = 0;
  for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    line += 1;
    if (text !== "") yield { line, text };
  }
}

/** The wallet of a line that was checked before. */
function openingBalanceOf(text: string): OpeningBalance {
  const parsed = parseOpeningBalance(JSON.parse(text));
  if ("problem" in parsed) throw new Error(parsed.problem);
  return parsed.value;
}

function atLine(file: string, line: number, action: () => void): void {
  try {
    action();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(EXIT.problems, "not_importable", `${file}:${line}: ${reason}; nothing was imported`);
  }
}

function finish(rebuilder: LedgerRebuilder): void {
  try {
    rebuilder.finish();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(EXIT.problems, "not_importable", `${reason}; nothing was imported`);
  }
}

function shardsOf(asked: string | undefined, header: ExportHeader | undefined): number {
  if (asked === undefined) return header?.shards ?? loadConfig(process.env).shards ?? 1;
  const shards = /^\d{1,3}$/.test(asked) ? Number(asked) : 0;
  if (shards >= 1 && shards <= SHARDS_MAX) return shards;
  throw new CommandError(EXIT.usage, "usage", `--shards must be a whole number from 1 to ${SHARDS_MAX}`);
}
