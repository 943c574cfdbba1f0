// Runs every example as every persona in a real browser, against a gateway in demo mode:
//   npm run e2e -- --url http://127.0.0.1:8080 --shots /tmp/shots
// Fails where the page breaks its own policy, asks another origin, shows no data, or tells denials differently in the
// two placements.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const { values: args } = parseArgs({
  options: {
    url: { type: 'string', default: 'http://127.0.0.1:8080' },
    shots: { type: 'string' },
    chromium: { type: 'string', default: '/usr/bin/chromium' },
  },
});
const url = new URL(args.url);
if (args.shots) mkdirSync(args.shots, { recursive: true });

const failures = [];
let passed = 0;
const fail = what => {
  failures.push(what);
  console.error(`FAIL  ${what}`);
};

const browser = await chromium.launch({
  executablePath: args.chromium,
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});

try {
  const offered = await fetch(new URL('/demo/personas', url));
  if (!offered.ok) throw new Error(`no personas at ${offered.url}: does the gateway run as a demo?`);
  const personas = await offered.json();
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, colorScheme: 'light' });
  page.setDefaultTimeout(30_000);
  page.on('console', message => message.type() === 'error' && fail(`the page's console: ${message.text()}`));
  page.on('pageerror', error => fail(`the page: ${error.message}`));
  page.on('request', request => {
    const { protocol, origin } = new URL(request.url());
    if (protocol.startsWith('http') && origin !== url.origin) fail(`a request to another origin: ${request.url()}`);
  });
  await page.goto(url.href);
  await page.locator('.graphiql-query-editor .view-line').first().waitFor();

  for (const persona of personas) {
    await page.getByTestId('persona').selectOption(persona.email);
    const described = await page.locator('#persona-description').textContent();
    if (described !== persona.description) fail(`${persona.email}: the description is not shown`);

    const examples = await page
      .locator('[data-testid=example] optgroup[label="For this persona"] option:not(:disabled)')
      .evaluateAll(options => options.map(option => option.value));
    if (examples.length === 0) console.log(`ok    ${persona.email}: no example is meant for it`);
    for (const example of examples) await check(page, persona, example);
  }
} catch (error) {
  fail(error.message);
} finally {
  await browser.close();
}

console.log(`${passed} passed, ${failures.length} failed`);
process.exitCode = failures.length > 0 || passed === 0 ? 1 : 0;

/** Runs one example in both placements of denials. */
async function check(page, persona, example) {
  const name = `${persona.email}: ${example}`;
  const before = failures.length;
  const asErrors = await run(page, persona, example, false);
  if (args.shots) await page.screenshot({ path: join(args.shots, `${persona.email.replace(/\W+/g, '-')}-${example}.png`) });
  const inExtensions = await run(page, persona, example, true);

  if (!asErrors.pane.includes('"data"')) fail(`${name}: the response pane shows no data: ${asErrors.pane.slice(0, 300)}`);
  for (const { message, extensions } of asErrors.response.errors ?? []) {
    if (extensions?.code !== 'HIDDEN') fail(`${name}: ${message}`);
  }
  if (inExtensions.response.errors) fail(`${name}: errors although denials belong in extensions`);
  if (asErrors.summary !== inExtensions.summary) {
    fail(`${name}: the placements differ: "${asErrors.summary}" and "${inExtensions.summary}"`);
  }
  if (failures.length > before) return;
  passed += 1;
  console.log(`ok    ${name}${asErrors.summary && `  [${asErrors.summary}]`}`);
}

async function run(page, persona, example, hiddenInExtensions) {
  await page.getByTestId('hidden-placement').setChecked(hiddenInExtensions);
  const answered = page.waitForResponse(response => {
    const body = response.request().postData() ?? '';
    return new URL(response.url()).pathname === '/graphql' && !body.includes('IntrospectionQuery');
  });
  await page.getByTestId('example').selectOption(example);
  const reply = await answered;
  const sent = await reply.request().allHeaders();
  if (sent.authorization !== `Bearer ${persona.token}`) fail(`${persona.email}: ${example}: sent with another token`);
  if ((sent['hidden-fields'] === 'extensions') !== hiddenInExtensions) fail(`${example}: the placement was not sent`);

  const lines = page.locator('.graphiql-response .view-lines');
  await page.waitForFunction(() => document.querySelector('.graphiql-response .view-lines')?.textContent.includes('{'));
  return {
    response: await reply.json(),
    pane: await lines.innerText(),
    summary: (await page.getByTestId('hidden-summary').innerText()).replace(/\s+/g, ' ').trim(),
  };
}
