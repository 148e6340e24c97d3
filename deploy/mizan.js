#!/usr/bin/env node
// Plain JavaScript, so that any version of Node can read it and find the one that the ledger runs on.

import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { constants } from "node:os";
import { dirname, join } from "node:path";

const MAJOR = 22;
const MINOR_MIN = 18;
const EXIT_USAGE = 2;
const EXIT_SIGNAL_BASE = 128;

const [major, minor] = process.versions.node.split(".").map(Number);
if (major === MAJOR && minor >= MINOR_MIN) await import("./main.ts");
else runOnPackagedNode();

/** Goes on in the Node that `npm ci` brings. */
function runOnPackagedNode() {
  const node = packagedNode();
  if (node === undefined) {
    process.stderr.write(
      `mizan needs Node ${MAJOR}.${MINOR_MIN} or a later ${MAJOR}, and this is ${process.version}. ` +
        "Run `npm ci` in the folder of Mizan: it brings the right one.\n",
    );
    process.exit(EXIT_USAGE);
  }
  const child = spawn(node, process.argv.slice(1), { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => process.exit(code ?? EXIT_SIGNAL_BASE + constants.signals[signal]));
}

function packagedNode() {
  try {
    return join(dirname(createRequire(import.meta.url).resolve("node/package.json")), "bin", "node");
  } catch {
    return undefined;
  }
}
