// Bundles the pages' scripts and style into ../static. Run by `npm run build`; nothing is fetched when a page runs.
import { build } from "esbuild";
import { copyFile, mkdir, rm } from "node:fs/promises";

const out = new URL("../static/", import.meta.url).pathname;
await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
await build({
  absWorkingDir: new URL(".", import.meta.url).pathname,
  entryPoints: ["page.js", "live-worker.js", "kefu.css", "call-me.js", "call-me-frame.js", "call-me.css"].map((name) => `src/${name}`),
  outdir: out,
  bundle: true,
  minify: true,
  legalComments: "none",
  format: "iife",
  target: ["chrome111", "firefox114", "safari16.4"],
  logLevel: "warning",
});
await copyFile(new URL("src/kefu.svg", import.meta.url), `${out}kefu.svg`);
