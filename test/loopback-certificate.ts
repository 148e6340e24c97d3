import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { findJava } from "../deploy/kafka/java.ts";

/** A key for loopback in a PKCS #12 store, and the certificate by which it can be checked. */
export interface LoopbackCertificate {
  readonly storeFile: string;
  readonly storePassword: string;
  readonly caFile: string;
}

const STORE_PASSWORD = "of-the-store";

/** Makes a key and its certificate in a directory. */
export function makeCertificate(directory: string): LoopbackCertificate {
  const storeFile = join(directory, "loopback.p12");
  const caFile = join(directory, "loopback.pem");
  const where = ["-keystore", storeFile, "-storetype", "PKCS12", "-storepass", STORE_PASSWORD, "-alias", "loopback"];
  const name = ["-dname", "CN=loopback", "-ext", "san=ip:127.0.0.1", "-validity", "2"];
  keytool("-genkeypair", "-keyalg", "RSA", ...name, ...where);
  keytool("-exportcert", "-rfc", "-file", caFile, ...where);
  return { storeFile, storePassword: STORE_PASSWORD, caFile };
}

/** Runs the tool for keys that every Java has. */
function keytool(...args: readonly string[]): void {
  const { status, stdout, stderr } = spawnSync(join(dirname(findJava()), "keytool"), args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`keytool ${args[0]}: ${stdout}${stderr}`);
}
