// Runs the clients' tests against two gateways on one demo world, and stops both: one takes any document, the other trusts those of
// `trusted-documents` and lets platform admins alone send others.
//
//   npm test                       GATEWAY is the binary; ../target/debug/posture-gateway where it is not set

import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path => fileURLToPath(new URL(`../${path}`, import.meta.url));
const binary = process.env.GATEWAY ?? here('../target/debug/posture-gateway');
const data = mkdtempSync(join(tmpdir(), 'posture-clients-'));
// PostgreSQL does not run as root: its own user has to get in.
chmodSync(data, 0o711);

const running = [];

/** Starts a gateway on a free port; resolves to its address once it answers. */
function start(...more) {
  const child = spawn(binary, ['demo', '--listen', '127.0.0.1:0', '--data', join(data, 'demo'), ...more], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise(done => child.once('exit', done));
  running.push({ child, ended });
  let said = '';
  return new Promise((found, failed) => {
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
}

/** In the other order: the first one's PostgreSQL serves both. */
async function stop() {
  for (const { child, ended } of running.reverse()) {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    await ended;
  }
  rmSync(data, { recursive: true, force: true });
}

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop().then(() => process.exit(1)));

try {
  const open = await start();
  const trusting = await start('--trusted-documents', here('trusted-documents'), '--ad-hoc', 'platform-admins');
  const files = readdirSync(here('build/js/tests')).filter(file => file.endsWith('.test.js'));
  const tests = spawn(process.execPath, ['--test', '--test-timeout=60000', ...files.map(file => here(`build/js/tests/${file}`))], {
    cwd: here('.'),
    stdio: 'inherit',
    env: { ...process.env, GATEWAY_OPEN: open, GATEWAY_TRUSTING: trusting },
  });
  process.exitCode = await new Promise(done => tests.once('exit', code => done(code ?? 1)));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await stop();
}
