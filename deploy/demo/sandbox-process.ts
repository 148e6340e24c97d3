import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { UuidV7 } from "../../protocol/ids.ts";

const MAIN = fileURLToPath(new URL("../sandbox-provider/main.ts", import.meta.url));
const WITHIN_MS = 30_000;
const END_OF_FILE = "\n}\n";

interface ProvidersFile {
  readonly providers: readonly { readonly baseUrl: string }[];
}

/** The sandbox provider in a process of its own. */
export class SandboxProcess {
  /** What a ledger has to read from the file of MIZAN_PROVIDERS. */
  readonly providers: ProvidersFile;
  /** The ledger's account of it, which is to be opened. */
  readonly walletId: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, providers: ProvidersFile, walletId: string) {
    this.#child = child;
    this.providers = providers;
    this.walletId = walletId;
  }

  /** For a ledger that may start later. **Errors**: rejects where the process ends, or says nothing for too long. */
  static async start(ledgerUrl: string): Promise<SandboxProcess> {
    const walletId = new UuidV7().next();
    const args = [MAIN, "--port", "0", "--ledger", ledgerUrl, "--wallet", walletId];
    // A Ctrl-C at the terminal does not reach it: the ledger ends first.
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"], detached: true });
    let complaint = "";
    child.stderr.on("data", (chunk: Buffer) => {
      complaint += chunk.toString();
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), WITHIN_MS);
    let said = "";
    for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
      said += String(chunk);
      if (said.endsWith(END_OF_FILE)) break;
    }
    clearTimeout(timer);
    if (!said.endsWith(END_OF_FILE)) throw new Error(`the sandbox provider does not start:\n${complaint}`);
    return new SandboxProcess(child, JSON.parse(said) as ProvidersFile, walletId);
  }

  /** Has a person pay an order. Returns whether the ledger has taken the news. */
  async pay(orderId: string): Promise<boolean> {
    const [{ baseUrl }] = this.providers.providers;
    const response = await fetch(`${baseUrl}/sandbox/orders/${orderId}/pay`, { method: "POST" });
    const order = (await response.json()) as { readonly callbacks?: readonly number[] };
    return order.callbacks?.includes(200) === true;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.kill();
    await exited;
  }
}
