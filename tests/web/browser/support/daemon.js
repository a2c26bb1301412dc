// A daemon of a test's own, for what the shared one is not set up for: accounts, faults.
//
// VIGIE_BIN: the program. It runs in a temporary folder, on free ports, and is stopped by its own id.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const BIN = process.env["VIGIE_BIN"] ?? "";
const UP_MS = 30_000;
const DOWN_MS = 15_000;

/** Whether there is a program to start. */
export const hasProgram = BIN !== "";

/** Lines of configuration for a user. @param {string} name @param {string} role @param {string} password */
export function user(name, role, password) {
  const made = spawnSync(BIN, ["passwd", name, "--role", role], { input: `${password}\n`, encoding: "utf8", timeout: UP_MS });
  if (made.status !== 0) throw new Error(`vigie passwd: ${made.stderr}`);
  return made.stdout;
}

/**
 * Starts a daemon and waits until all of it is up.
 * @param {string} config @param {Record<string, string>} [more] environment @returns {Promise<{ url: string, mqtt: string, say(command: string): string, stop(): Promise<void> }>}
 *   `url` with its slash; `say`: what a command prints about it
 */
export async function startDaemon(config, more = {}) {
  const folder = mkdtempSync(join(tmpdir(), "vigie-browser-"));
  const ready = join(folder, "ready.json");
  writeFileSync(join(folder, "vigie.toml"), config);
  const { RUST_LOG: _, ...env } = process.env;
  const daemon = spawn(BIN, ["run", "-c", "vigie.toml", "--ready-file", ready], { cwd: folder, env: { ...env, ...more }, stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  for (const stream of [daemon.stdout, daemon.stderr]) stream.on("data", (/** @type {Buffer} */ data) => void (log = (log + data).slice(-20_000)));
  const ended = new Promise((resolve) => daemon.on("exit", resolve));
  const stop = async () => {
    daemon.kill("SIGTERM");
    const timer = setTimeout(() => daemon.kill("SIGKILL"), DOWN_MS);
    await ended;
    clearTimeout(timer);
    rmSync(folder, { recursive: true, force: true });
  };
  const say = (/** @type {string} */ command) => spawnSync(BIN, [command, "-c", "vigie.toml"], { cwd: folder, encoding: "utf8", timeout: UP_MS }).stdout;
  const until = Date.now() + UP_MS;
  for (;;) {
    const said = existsSync(ready) && whole(readFileSync(ready, "utf8"));
    if (said) return { url: `http://${said.web}/`, mqtt: said.broker, say, stop };
    if (Date.now() > until || daemon.exitCode !== null) {
      await stop();
      throw new Error(`the daemon did not come up:\n${log}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** What the daemon says of itself; null while it is being written. @param {string} text */
function whole(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
