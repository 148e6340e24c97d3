import type { z } from "zod";
import { handoverAnswer, problemAnswer, replicationAnswer } from "../protocol/json-answers.ts";
import { CommandError } from "./command-error.ts";
import { EXIT } from "./exit-code.ts";
import { Terminal } from "./terminal.ts";

const WITHIN_MS = 20_000;

/**
 * `mizan promote`: has a standby lead. The leader hands over first, so that nothing is lost and commands are put off for a
 * moment only; with `--force` a leader that cannot be asked is passed over.
 */
export async function promote(
  url: string,
  { force, json }: { readonly force?: true; readonly json?: true },
): Promise<void> {
  const terminal = new Terminal(json === true);
  if (!URL.canParse(url)) throw new CommandError(EXIT.usage, "url_invalid", `"${url}" is no URL`);
  const before = await ask(url, "GET", "/replication", replicationAnswer);
  if (before.role === "leader") {
    terminal.say(`${url} leads already, in epoch ${before.epoch}`);
    terminal.result({ command: "promote", ok: true, epoch: before.epoch, tookMs: 0 });
    return;
  }
  const startedMs = performance.now();
  const sequences = await handOver(before.leader, force === true, terminal);
  const after = await ask(url, "POST", "/replication/promote", replicationAnswer, sequences && { sequences });
  const tookMs = Math.round(performance.now() - startedMs);
  terminal.say(`${url} leads in epoch ${after.epoch}, ${tookMs} ms after the handover began`);
  terminal.result({ command: "promote", ok: true, epoch: after.epoch, tookMs });
}

async function handOver(
  leader: string | undefined,
  isForced: boolean,
  terminal: Terminal,
): Promise<readonly number[] | undefined> {
  try {
    if (leader === undefined) throw new CommandError(EXIT.problems, "leader_unknown", "nobody is known to lead");
    return (await ask(leader, "POST", "/replication/handover", handoverAnswer)).sequences;
  } catch (error) {
    if (!isForced) throw error;
    terminal.note(`the leader does not hand over: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

async function ask<T>(
  url: string,
  method: "GET" | "POST",
  path: string,
  answer: z.ZodType<T>,
  body: object = {},
): Promise<T> {
  const key = process.env.MIZAN_ADMIN_KEY;
  if (key === undefined) {
    throw new CommandError(EXIT.usage, "key_missing", "MIZAN_ADMIN_KEY must hold the API key of an admin");
  }
  const target = new URL(`/api/v1${path}`, url);
  let response: Response;
  try {
    response = await fetch(target, {
      method,
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      ...(method === "POST" ? { body: JSON.stringify(body) } : {}),
      signal: AbortSignal.timeout(WITHIN_MS),
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(EXIT.problems, "node_unreachable", `${target.origin} cannot be asked: ${reason}`, {
      cause: error,
    });
  }
  const value: unknown = await response.json().catch(() => undefined);
  if (response.ok) return answer.parse(value);
  const problem = problemAnswer.safeParse(value);
  const code = problem.success ? problem.data.code : `http_${response.status}`;
  throw new CommandError(EXIT.problems, code, `${target.origin} answers ${code} to ${method} ${target.pathname}`);
}
