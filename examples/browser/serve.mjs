// Serves a folder on this machine: `node serve.mjs FOLDER [PORT]`. Browsers run WebGPU only over https or from localhost.

import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const TYPES = { ".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".wasm": "application/wasm", ".gz": "application/gzip" };

export function serve(folder, port) {
  const root = resolve(folder);
  const server = createServer((request, response) => {
    const path = join(root, normalize(decodeURIComponent(new URL(request.url, "http://localhost").pathname)));
    const file = path.endsWith("/") || path === root ? join(path, "index.html") : path;
    if (!file.startsWith(root) || !statSync(file, { throwIfNoEntry: false })?.isFile()) {
      response.writeHead(404).end("there is no such file");
      return;
    }
    response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream", "cache-control": "no-cache" });
    createReadStream(file).pipe(response);
  });
  return new Promise((done, failed) => server.on("error", failed).listen(port, "127.0.0.1", () => done(server)));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [folder, port = "8080"] = process.argv.slice(2);
  await serve(folder, Number(port));
  console.log(`http://localhost:${port}/ has the page; Ctrl-C ends it`);
}
