import { randomUUID } from "node:crypto";
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { syncDirectory } from "../engine/journal/segment-file.ts";
import { StartError } from "./start-error.ts";

const NAME = "node.json";
const schema = z.object({ nodeId: z.uuid() });

/**
 * The id under which a node claims and is known to be alive; it stays with its data directory, and with no copy of it.
 *
 * **Errors**: `node_file_damaged`.
 */
export function readNodeId(dataDir: string): string {
  const path = join(dataDir, NAME);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    return create(dataDir, path);
  }
  try {
    return schema.parse(JSON.parse(text)).nodeId;
  } catch {
    throw new StartError("node_file_damaged", `${path} is damaged. Remove it: the node then starts under a new id.`);
  }
}

function create(dataDir: string, path: string): string {
  const nodeId = randomUUID();
  const unfinished = `${path}.unfinished`;
  const file = openSync(unfinished, "w");
  try {
    writeFileSync(file, `${JSON.stringify({ nodeId })}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(unfinished, path);
  syncDirectory(dataDir);
  return nodeId;
}
