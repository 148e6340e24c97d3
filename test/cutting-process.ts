/** A process that cuts the tail of a shard's journal, and says each step that is durable. */

import { cutTailSteps } from "../engine/journal/cut-tail.ts";

const [directory, archiveDirectory, through] = process.argv.slice(2);
const steps = cutTailSteps({ directory, archiveDirectory, shard: 0, throughSequence: Number(through) });
for await (const step of steps) process.stdout.write(`${step}\n`);
