// A demo gateway of its own, on a free port of the loopback and a private PostgreSQL; both end with it.

import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Starts it; resolves to its address once it answers, and to what stops it. */
export async function startGateway(binary) {
  const data = mkdtempSync(join(tmpdir(), 'posture-page-'));
  // PostgreSQL does not run as root: its own user has to get in.
  chmodSync(data, 0o711);
  const child = spawn(binary, ['demo', '--listen', '127.0.0.1:0', '--data', join(data, 'demo')], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise(done => child.once('close', done));
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    await ended;
    rmSync(data, { recursive: true, force: true });
  };
  let said = '';
  try {
    const url = await new Promise((found, failed) => {
      const hear = chunk => {
        said += chunk;
        const address = said.match(/GraphQL at (http:\/\/[^/\s]+)\/graphql/)?.[1];
        if (address) found(address);
      };
      child.stdout.setEncoding('utf8').on('data', hear);
      child.stderr.setEncoding('utf8').on('data', hear);
      child.once('error', error => failed(new Error(`${binary}: ${error.message}; cargo build makes it`)));
      child.once('exit', code => failed(new Error(`the gateway ended with ${code}:\n${said}`)));
    });
    return { url: new URL(url), stop };
  } catch (error) {
    if (child.pid) await stop();
    throw error;
  }
}
