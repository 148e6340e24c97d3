import { formatUuid, isUuid, shardOfUuid, uuidBytes } from "../protocol/ids.ts";
import { CommandError } from "./command-error.ts";
import { type DataDirectory, findLedger } from "./data-directory.ts";
import { eventLine } from "./event-line.ts";
import { EXIT } from "./exit-code.ts";
import { inspectLedger } from "./inspect-ledger.ts";
import { JournalFrames } from "./journal-frames.ts";
import { replayShard } from "./replay-shard.ts";
import { Terminal } from "./terminal.ts";
import { viewWallet } from "./wallet-view.ts";

const SUBJECTS = ["frame", "record", "wallet"] as const;
type Subject = (typeof SUBJECTS)[number];

/** `mizan inspect`: shows what is in a data directory, or one frame, record or wallet of it. */
export async function inspect(
  dataDir: string,
  subject: string | undefined,
  which: string | undefined,
  options: { readonly json?: true },
): Promise<void> {
  const terminal = new Terminal(options.json === true);
  const directory = findLedger(dataDir);
  if (subject === undefined) return inspectLedger(directory, terminal);
  if (!isSubject(subject)) throw usage(`inspect shows ${SUBJECTS.join(", ")}, not "${subject}"`);
  if (which === undefined) throw usage(`which ${subject}? Give ${subject === "wallet" ? "its id" : "its position"}`);
  const shown =
    subject === "wallet"
      ? await inspectWallet(directory, which, terminal)
      : await inspectPosition(directory, subject, which, terminal);
  terminal.say(JSON.stringify(shown, null, 2));
  terminal.result({ command: "inspect", ok: true, [subject]: shown });
}

function isSubject(text: string): text is Subject {
  return (SUBJECTS as readonly string[]).includes(text);
}

async function inspectWallet(directory: DataDirectory, id: string, terminal: Terminal): Promise<object> {
  if (!isUuid(id)) throw usage(`"${id}" is no wallet id`);
  const canonical = formatUuid(uuidBytes(id));
  const shard = shardOfUuid(canonical, directory.ledger.shards);
  const state = await replayShard(directory, shard, terminal);
  const slot = state.findWallet(canonical);
  if (slot < 0) throw new CommandError(EXIT.problems, "wallet_not_found", `shard ${shard} has no wallet ${canonical}`);
  return viewWallet(state, slot);
}

async function inspectPosition(
  directory: DataDirectory,
  subject: "frame" | "record",
  position: string,
  terminal: Terminal,
): Promise<object> {
  const [shard, sequence] = position.split(":").map(Number);
  if (!/^\d+:\d+$/.test(position) || shard >= directory.ledger.shards || sequence < 1) {
    throw usage(`"${position}" is no position of this ledger; it is SHARD:SEQUENCE, such as 0:512`);
  }
  const first = new JournalFrames(directory.path, shard).range()?.first ?? 1;
  if (sequence < first) {
    throw new CommandError(
      EXIT.problems,
      "history_dropped",
      `history before ${shard}:${first} was dropped from the archive, and ${position} with it`,
    );
  }
  let shown: object | undefined;
  await replayShard(directory, shard, terminal, ({ frame, found }, events) => {
    const isHere = sequence < frame.firstSequence + frame.recordCount;
    if (isHere && subject === "frame") {
      shown = {
        position: `${shard}:${frame.firstSequence}`,
        time: new Date(frame.clockMs).toISOString(),
        file: found.file,
        bytes: frame.bytes.byteLength,
        hash: Buffer.from(frame.hash).toString("hex"),
        previousHash: Buffer.from(frame.previousHash).toString("hex"),
        records: [...events()].map(eventLine),
      };
    } else if (isHere) {
      const event = [...events()][sequence - frame.firstSequence];
      shown = eventLine(event);
    }
    return !isHere;
  });
  if (shown === undefined) {
    throw new CommandError(
      EXIT.problems,
      "position_not_found",
      `the journal of shard ${shard} ends before ${position}`,
    );
  }
  return shown;
}

function usage(message: string): CommandError {
  return new CommandError(EXIT.usage, "usage", message);
}
