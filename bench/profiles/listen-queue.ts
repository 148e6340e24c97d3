import { readFileSync } from "node:fs";

/** Connections for which a listen queue of this machine had no room, since it started; null where the system does not tell. */
export function listenOverflows(): number | null {
  try {
    const [names, values] = readFileSync("/proc/net/netstat", "utf8")
      .split("\n")
      .filter((line) => line.startsWith("TcpExt:"))
      .map((line) => line.split(" "));
    const value = Number(values?.[names?.indexOf("ListenOverflows") ?? -1]);
    return Number.isFinite(value) ? value : null;
  } catch {
    return null;
  }
}
