/** `mizan load`: the same as `npm run load`. */
export async function load(args: readonly string[], options: { readonly json?: true }): Promise<void> {
  // Only this command needs the load generator, so the others start without it.
  const { runLoad } = await import("../bench/profiles/load-command.ts");
  process.exitCode = await runLoad(options.json === true ? [...args, "--json"] : args);
}
