/** Commands on actors over a JSON socket, alone and in batches with others. */

import type { JsonActorCommand } from "../protocol/json-actor-command.ts";
import type { JsonCommand } from "../protocol/json-commands.ts";
import { type Checked, placed } from "../protocol/json-fault.ts";
import type { JsonRequest } from "../protocol/json-requests.ts";
import { type ActorCommand, type ActorOutcome, checkActorCommand } from "./actor-commands.ts";
import { errorText } from "./json-command.ts";

type JsonBatch = Extract<JsonRequest, { type: "Batch" }>;

/** Checks the commands on actors in a request by the schemas of their types; the request is the same, with them in place. */
export function checkActors(request: JsonRequest): Checked<JsonRequest> {
  if (request.type === "ActorCommand") {
    const checked = checkActorCommand(request.actor, request.command);
    return checked.ok ? { ok: true, value: { ...request, command: checked.value } } : checked;
  }
  if (request.type !== "Batch" || !request.commands.some(isActorCommand)) return { ok: true, value: request };
  const commands: JsonBatch["commands"] = [];
  for (const [index, command] of request.commands.entries()) {
    if (!isActorCommand(command)) {
      commands.push(command);
      continue;
    }
    const checked = checkActorCommand(command.actor, command.command);
    if (!checked.ok) return placed(checked, `commands.${index}`);
    commands.push({ ...command, command: checked.value });
  }
  return { ok: true, value: { ...request, commands } };
}

export function isActorCommand(command: JsonCommand | JsonActorCommand): command is JsonActorCommand {
  return command.type === "ActorCommand";
}

export function isWalletCommand(command: JsonCommand | JsonActorCommand): command is JsonCommand {
  return command.type !== "ActorCommand";
}

/** Whether a linked run would go on with a command on an actor, which it cannot. */
export function linksToActor(commands: JsonBatch["commands"]): boolean {
  return commands.some((command, index) => {
    const next = commands[index + 1];
    return isWalletCommand(command) && command.linked === true && next !== undefined && isActorCommand(next);
  });
}

/** The command as its shard takes it. */
export function actorCommandOf({ id, actor, actorId, command }: JsonActorCommand): ActorCommand {
  return { aggregate: actor, id: actorId, commandId: id, command };
}

/** The JSON of an outcome inside an answer: `"ok":…` and what follows, without braces. */
export function actorFields({ id, actor, actorId }: JsonActorCommand, outcome: ActorOutcome): string {
  const { code, replayed, shard, sequence, version, state } = outcome;
  const again = replayed ? ',"replayed":true' : "";
  const position = `${shard}:${sequence}`;
  if (code !== "ok" || state === null) {
    const where = sequence === 0 ? "" : `,"position":"${position}"`;
    return `"ok":false${again},"error":${errorText(code)}${where}`;
  }
  return `"ok":true${again},"result":${JSON.stringify({ id, actor, actorId, version, position, state })}`;
}
