import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Exchange } from "./rest/exchange.ts";

const VIEWER = dirname(createRequire(import.meta.url).resolve("swagger-ui-dist/package.json"));

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Mizan API</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="/docs/swagger-ui.css">
  </head>
  <body>
    <div id="viewer"></div>
    <script src="/docs/swagger-ui-bundle.js"></script>
    <script src="/docs/start.js"></script>
  </body>
</html>
`;

// The viewer would otherwise ask a validator elsewhere about the document.
const START = `SwaggerUIBundle({ url: "/openapi.json", dom_id: "#viewer", deepLinking: true, validatorUrl: null });
`;

const HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'",
};

/** The pages of the API's documentation: a viewer served from here, which loads nothing from elsewhere. */
export function docsRoutes(): Record<string, (exchange: Exchange) => void> {
  const files = {
    "/docs/swagger-ui.css": ["text/css", "swagger-ui.css"],
    "/docs/swagger-ui-bundle.js": ["text/javascript", "swagger-ui-bundle.js"],
  } as const;
  const pages: Record<string, (exchange: Exchange) => void> = {
    "/docs": (exchange) => exchange.send(200, "text/html; charset=utf-8", PAGE, HEADERS),
    "/docs/start.js": (exchange) => exchange.send(200, "text/javascript", START),
  };
  for (const [path, [contentType, name]] of Object.entries(files)) {
    let content: Buffer | undefined;
    pages[path] = (exchange) => {
      content ??= readFileSync(join(VIEWER, name));
      exchange.send(200, contentType, content);
    };
  }
  return pages;
}
