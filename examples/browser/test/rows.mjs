// Rows of a test: what is tried, and what was found.

import { spawnSync } from "node:child_process";

let failures = 0;

export async function row(name, run) {
  const began = Date.now();
  try {
    const said = await run();
    console.log(`ok      ${name}${said ? `: ${said}` : ""} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failures++;
    console.log(`FAILED  ${name}: ${error.message}`);
  }
}

export function holds(condition, message) {
  if (!condition) throw new Error(message);
}

// Where the first of some programs is.
export function program(...names) {
  return names.map((name) => spawnSync("which", [name]).stdout?.toString().trim()).find(Boolean);
}

// After the last row.
export function end() {
  if (!failures) return;
  console.log(`${failures} rows failed`);
  process.exit(1);
}
