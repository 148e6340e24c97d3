import type { TemplatedApp } from "uWebSockets.js";
import type { GatewayContext } from "../context.ts";
export function registerRest(app: TemplatedApp, context: GatewayContext): void {
  app.get("/readyz", (res) => {
    res.writeStatus(context.isReady() ? "200 OK" : "503 Service Unavailable").end("{}");
  });
  app.get("/api/v1/trial-balance", (res) => {
    let aborted = false;
    res.onAborted(() => {
      aborted = true;
    });
    context.dispatcher.trialBalance({ role: "admin", ownerId: new Uint32Array(4) }, (views) => {
      if (!aborted) res.cork(() => res.end(JSON.stringify({ lines: views.flatMap((v) => v.lines) })));
    });
  });
}
