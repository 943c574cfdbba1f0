// The page in a real browser, against a demo gateway of its own:
//
//   npm run e2e                        GATEWAY is the binary, ../target/debug/posture-gateway where it is not set
//   npm run e2e -- --url ADDRESS       against a demo that runs already, whose world it changes
//   --shots DIR, --chromium PATH       where pictures go (e2e/shots), and where the browser is (CHROMIUM, /usr/bin/chromium)
//
// Every example as every persona: an answer with data, told alike in both placements of denials, with marks where something is hidden.
// Then every mutation, live events, the documentation, typed headers. Fails also where the page breaks its own policy, asks another origin,
// or writes an error to its console.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { load } from '../test/load.mjs';
import { startGateway } from './gateway.mjs';
import { MUTATIONS } from './mutations.mjs';
import { Explorer, operationOf } from './page.mjs';

const here = path => fileURLToPath(new URL(path, import.meta.url));
const { values: args } = parseArgs({
  options: {
    url: { type: 'string' },
    shots: { type: 'string', default: here('shots') },
    chromium: { type: 'string', default: process.env.CHROMIUM ?? '/usr/bin/chromium' },
  },
});
const WIDE = { width: 1440, height: 900 };
const NARROW = { width: 480, height: 900 };

// What the page fills in, to go on from.
const { modules, close } = await load('/src/examples.ts');
const [{ EXAMPLES, fill }] = modules;
await close();

const failures = [];
let passed = 0;
const fail = what => {
  failures.push(what);
  console.error(`FAIL  ${what}`);
};
/** Runs one check; what it throws is its failure. */
async function check(name, run) {
  try {
    const said = await run();
    passed += 1;
    console.log(`ok    ${name}${said ? `  [${said}]` : ''}`);
  } catch (error) {
    fail(`${name}: ${error.message}`);
  }
}
function assert(holds, what) {
  if (!holds) throw new Error(what);
}

const gateway = args.url
  ? { url: new URL(args.url), stop: async () => {} }
  : await startGateway(process.env.GATEWAY ?? here('../../target/debug/posture-gateway'));
const { url } = gateway;
let browser;
// One for all pages: they share what was fetched of the page.
let context;
const end = async () => {
  await browser?.close();
  await gateway.stop();
};
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => end().finally(() => process.exit(1)));

try {
  mkdirSync(args.shots, { recursive: true });
  browser = await chromium.launch({
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
  context = await browser.newContext();
  await everything();
} catch (error) {
  fail(error.stack);
} finally {
  await end();
}
console.log(`${passed} passed, ${failures.length} failed`);
process.exitCode = failures.length > 0 || passed === 0 ? 1 : 0;

async function everything() {
  const begun = Date.now();
  const lap = what => console.log(`      ${what} after ${Math.round((Date.now() - begun) / 1000)} s`);
  const offered = await fetch(new URL('/demo/personas', url));
  if (!offered.ok) throw new Error(`no personas at ${offered.url}: does the gateway run as a demo?`);
  const personas = await offered.json();
  const described = words => personas.find(({ description }) => words.test(description)) ?? fail(`nobody is described as ${words}`);
  // Some pages at once, for most of the time goes into waiting.
  const left = [...personas];
  const pages = Array.from({ length: 3 }, async () => {
    const explorer = await explore(WIDE, 'light');
    for (let persona = left.shift(); persona; persona = left.shift()) await examples(explorer, persona);
    await explorer.page.close();
  });
  await Promise.all(pages);
  lap('examples');

  const explorer = await explore(WIDE, 'light');
  await check('every mutation is tried', async () => {
    await explorer.be(described(/^Runs a reseller/));
    const menu = await explorer.menu();
    const tried = MUTATIONS.map(({ name }) => name).sort().join();
    assert(tried === menu.map(({ name }) => name).filter(name => name.endsWith('Mutation')).sort().join(), `tried are ${tried}`);
  });
  await events(explorer, personas, described);
  await documentation(explorer);
  await typedHeaders(explorer, personas);
  await explorer.page.close();
  lap('events');
  await pictures(described);
  lap('pictures');
  const done = await mutations(described);
  lap('mutations');
  await mutationsOfEverybody(personas, done);
}

/** Every example of the menu as one persona; mutations have their own turn. */
async function examples(explorer, persona) {
  await explorer.be(persona);
  await check(`${persona.email}: is described`, async () => {
    const shown = await explorer.page.locator('#persona-description').textContent();
    assert(shown === persona.description, `the description is "${shown}"`);
  });
  for (const { name, group } of await explorer.menu()) {
    if (group.startsWith('Queries')) await check(`${persona.email}: ${name}`, () => query(explorer, persona, name));
    else if (group.startsWith('Live')) await check(`${persona.email}: ${name}`, () => subscription(explorer, persona, name));
    else if (name.endsWith('Subscription')) await check(`${persona.email}: ${name}`, () => othersSubscription(explorer, persona, name));
    else if (!name.endsWith('Mutation')) await check(`${persona.email}: ${name}`, () => othersExample(explorer, persona, name));
  }
}

/** A page that may not say anything wrong. */
async function explore(viewport, colorScheme) {
  const page = await context.newPage();
  await page.setViewportSize(viewport);
  await page.emulateMedia({ colorScheme });
  page.setDefaultTimeout(15_000);
  page.on('console', message => {
    if (message.type() === 'error') fail(`the page's console: ${message.text()}`);
  });
  page.on('pageerror', error => fail(`the page: ${error.message}`));
  page.on('websocket', socket => fail(`a WebSocket: ${socket.url()}`));
  page.on('request', request => {
    const { protocol, origin } = new URL(request.url());
    if (protocol.startsWith('http') && origin !== url.origin) fail(`a request to another origin: ${request.url()}`);
  });
  const explorer = new Explorer(page);
  await explorer.open(url);
  return explorer;
}

/** Whose token is genuine, and opens nothing: they are nobody. */
function isDisabled({ description }) {
  return /is disabled: the token is genuine/.test(description);
}

/** What is wrong with an answer: any error but a denial, or but that somebody has to sign in. */
function wrong({ errors = [] }, persona) {
  const usual = isDisabled(persona) ? 'UNAUTHENTICATED' : 'HIDDEN';
  return errors.filter(({ extensions }) => extensions?.code !== usual).map(({ message }) => message).join('; ');
}

/** Runs one query in both placements of denials. */
async function query(explorer, persona, name) {
  const asErrors = await run(explorer, persona, name, false);
  const { response } = asErrors;
  assert(!wrong(response, persona), wrong(response, persona));
  const shown = Object.values(response.data ?? {});
  assert(shown.length > 0, `no data: ${JSON.stringify(response).slice(0, 300)}`);
  if (isDisabled(persona)) return assert(shown.every(value => value === null), 'more than null for a disabled user');
  if (!mayBeEmpty(persona, name)) assert(shown.some(value => value !== null), 'nothing but null');
  await marked(explorer, response);

  const inExtensions = await run(explorer, persona, name, true);
  assert(!inExtensions.response.errors, 'errors although denials belong in extensions');
  assert(asErrors.summary === inExtensions.summary, `the placements differ: "${asErrors.summary}" and "${inExtensions.summary}"`);
  assert(still(response.data) === still(inExtensions.response.data), 'the placements show other data');
  await marked(explorer, inExtensions.response);
  return asErrors.summary;
}

/** Data as a text, without what goes on between two requests: instants, and the records of what partners read on the other pages. */
function still(data) {
  const told = JSON.stringify(data, (key, value) => (key === 'accessRecords' && value ? 'told' : value));
  return told.replace(/"\d{4}-\d\d-\d\dT[^"]*"/g, '""');
}

/** Who is shown nothing by these: what is not theirs does not exist. */
function mayBeEmpty({ description }, name) {
  if (/nothing assigned yet/.test(description)) return true;
  return name.endsWith('DetailQuery') && /portal is DISABLED/.test(description);
}

/** What others ask is answered, too: with what is theirs, with null, or with denials. */
async function othersExample(explorer, persona, name) {
  const { response } = await run(explorer, persona, name, false);
  assert(!wrong(response, persona), wrong(response, persona));
}

async function run(explorer, persona, name, inExtensions) {
  await explorer.placeHidden(inExtensions);
  const { response, sent } = await explorer.answer(() => explorer.choose(name));
  assert(sent.authorization === `Bearer ${persona.token}`, 'sent with another token');
  assert((sent['hidden-fields'] === 'extensions') === inExtensions, 'the placement was not sent');
  await explorer.shows(response);
  return { response, summary: await explorer.summary() };
}

/** Every denial is told in the strip, and its null is marked with class and reason. */
async function marked(explorer, { errors = [], extensions }) {
  const told = extensions?.hidden ?? errors.map(error => error.extensions);
  const kinds = new Map(told.map(({ class: hidden, reason }) => [`${hidden}, ${reason}`, true]));
  for (const kind of kinds.keys()) {
    await explorer.page.locator('.denial', { hasText: kind }).first().click();
    await explorer.page.locator('.hidden-mark', { hasText: `hidden: ${kind}` }).first().waitFor();
  }
  if (kinds.size > 0) await explorer.page.locator('.hidden-null', { hasText: 'null' }).first().waitFor();
  else await explorer.page.waitForFunction(() => !document.querySelector('.hidden-mark'));
}

/** Listens, and stops. */
async function subscription(explorer, persona, name) {
  await explorer.placeHidden(false);
  const asked = explorer.page.waitForRequest(request => operationOf(request) === name);
  await explorer.choose(name);
  const request = await asked;
  assert((await request.allHeaders()).authorization === `Bearer ${persona.token}`, 'sent with another token');
  if (isDisabled(persona)) return explorer.live('Ended with UNAUTHENTICATED after 0 events');
  await explorer.live('Listening, 0 events');
  await explorer.stop();
  await explorer.live('Stopped after 0 events');
  await gone(request);
}

/** A stream that is meant for others: it is silent, or ends at once and says why. */
async function othersSubscription(explorer, persona, name) {
  await explorer.placeHidden(false);
  const asked = explorer.page.waitForRequest(request => operationOf(request) === name);
  await explorer.choose(name);
  const request = await asked;
  assert((await request.allHeaders()).authorization === `Bearer ${persona.token}`, 'sent with another token');
  await explorer.live(/^(Listening, 0 events|Ended with (UNAUTHENTICATED|FORBIDDEN|HIDDEN|BAD_USER_INPUT) after 0 events)$/);
  if (!(await explorer.saysLive()).startsWith('Listening')) return;
  await explorer.stop();
  await explorer.live('Stopped after 0 events');
  await gone(request);
}

/** Waits until a stream's request is over at the browser, too. */
async function gone(request) {
  const over = () => request.failure() !== null;
  for (let waited = 0; !over() && waited < 100; waited += 1) await new Promise(done => setTimeout(done, 50));
  assert(over(), 'the request goes on');
}

/** Asks beside the page. */
async function ask(persona, query, variables = {}) {
  const reply = await fetch(new URL('/graphql', url), {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${persona.token}`, 'hidden-fields': 'extensions' },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await reply.json();
  if (errors) throw new Error(`${persona.email}: ${errors.map(({ message }) => message).join('; ')}`);
  return data;
}

async function events(explorer, personas, described) {
  const decides = described(/portal is FULL/);
  const consent = 'mutation ($input: SetPartnerConsentInput!) { setPartnerConsent(input: $input) { userErrors { message } } }';
  const grant = async to => {
    const { setPartnerConsent } = await ask(decides, consent, { input: { accessId: decides.variables.access, consent: to } });
    assert(setPartnerConsent.userErrors.length === 0, 'the consent was not granted');
  };
  const accesses = await ask(decides, '{ customer { accesses { nodes { id customerConsent } } } }');
  const now = accesses.customer.accesses.nodes.find(({ id }) => id === decides.variables.access).customerConsent;
  const other = now === 'SUPPORT' ? 'MANAGE' : 'SUPPORT';

  await check('an event arrives after a mutation, and another persona ends the stream', async () => {
    await explorer.be(decides);
    const asked = explorer.page.waitForRequest(request => operationOf(request) === 'PortalLiveAccessesSubscription');
    await explorer.choose('PortalLiveAccessesSubscription');
    const request = await asked;
    await explorer.live('Listening, 0 events');
    await grant(other);
    await explorer.live('Listening, 1 event');
    assert((await explorer.pane(other)).includes('"accessChanged"'), 'the event is not shown');
    await grant(now);
    await explorer.live('Listening, 2 events');
    await explorer.pane(now);
    await explorer.page.screenshot({ path: join(args.shots, 'live-event.png') });

    await explorer.be(personas.find(persona => persona !== decides));
    await explorer.live('Stopped after 2 events');
    await gone(request);
    const left = await explorer.page.locator('.graphiql-response .view-lines').innerText();
    assert(left.trim() === '', `the next persona is shown ${left}`);
  });

  await check('a finding that was triaged is told', async () => {
    await explorer.be(decides);
    await explorer.choose('PortalLiveFindingsSubscription');
    await explorer.live('Listening, 0 events');
    const { addFindingNote } = await ask(
      decides,
      'mutation ($input: TriageFindingInput!) { addFindingNote: triageFinding(input: $input) { finding { title } userErrors { message } } }',
      { input: { findingId: decides.variables.finding, status: 'TRIAGED' } },
    );
    assert(addFindingNote.userErrors.length === 0, JSON.stringify(addFindingNote.userErrors));
    await explorer.live('Listening, 1 event');
    await explorer.pane('"TRIAGED"');
    await explorer.stop();
  });

  await check('a stream that the gateway ends says why', async () => {
    const [listens, disables] = [described(/nothing assigned yet/), described(/^Runs a reseller/)];
    await explorer.be(listens);
    await explorer.choose('LiveAccessesSubscription');
    await explorer.live('Listening, 0 events');
    const { viewer } = await ask(listens, '{ viewer { id } }');
    const become = change =>
      ask(disables, `mutation ($id: ID!) { done: ${change}(input: { userId: $id }) { userErrors { message } } }`, { id: viewer.id });
    await become('disableUser');
    await explorer.live('Ended with UNAUTHENTICATED after 0 events');
    await explorer.pane('UNAUTHENTICATED');
    await explorer.page.getByRole('button', { name: /^Execute query/ }).waitFor();
    await explorer.page.screenshot({ path: join(args.shots, 'live-ended.png') });
    await become('enableUser');
  });
}

async function documentation(explorer) {
  await check('the documentation opens', async () => {
    await explorer.page.getByRole('button', { name: /Documentation Explorer/ }).click();
    const docs = explorer.page.locator('.graphiql-doc-explorer');
    await docs.getByText('Query', { exact: true }).first().click();
    await docs.getByText('previewOperatingModel').first().waitFor();
    await explorer.page.screenshot({ path: join(args.shots, 'documentation.png') });
    await explorer.page.getByRole('button', { name: /Documentation Explorer/ }).click();
  });
}

async function typedHeaders(explorer, personas) {
  await check('what is typed into the headers editor wins over the switch', async () => {
    const [chosen, typed] = personas;
    await explorer.be(chosen);
    const before = await explorer.answer(() => explorer.choose('who-am-i'));
    assert(before.response.data.viewer.email === chosen.email, 'the switch was not heard');
    await explorer.type('Headers', JSON.stringify({ Authorization: `Bearer ${typed.token}`, 'hidden-fields': 'errors' }));
    const { response, sent } = await explorer.answer(() => explorer.run());
    assert(response.data.viewer.email === typed.email, `it is answered to ${response.data.viewer.email}`);
    assert(sent['hidden-fields'] === 'errors', 'another typed header was not sent');
    await explorer.pane(typed.email);
    await explorer.type('Headers', '');
  });
}

/** Each by somebody who may: opens it, fills what is blank, and presses run; before that nothing is sent. What each was sent with. */
async function mutations(described) {
  const done = new Map();
  const explorer = await explore(WIDE, 'light');
  const told = {};
  const sent = [];
  explorer.page.on('request', request => sent.push(operationOf(request)));
  for (const { name, as, put } of MUTATIONS) {
    const persona = described(as);
    await check(`${persona.email}: ${name}`, async () => {
      const accesses = async (filter, fits) => {
        const fields = 'id trial { expired } subscription { usage { alert { acknowledgedAt } } }';
        const query = `query ($filter: AccessFilter) { partner { accesses(first: 100, filter: $filter) { nodes { ${fields} } } } }`;
        const { partner } = await ask(persona, query, { filter });
        return partner.accesses.nodes.find(fits) ?? assert(false, 'the world has no such access');
      };
      await explorer.be(persona);
      await explorer.choose(name);
      const filled = fill(EXAMPLES.find(example => example.name === name), persona);
      if (put) {
        filled.input = { ...filled.input, ...(await put(told, accesses)) };
        await explorer.type('Variables', JSON.stringify(filled));
      }
      assert(!sent.some(operation => operation === name), 'it was sent before anybody pressed run');
      const { response, operation, variables } = await explorer.answer(() => explorer.run());
      assert(operation === name, `${operation} was sent`);
      assert(Object.keys(variables ?? {}).join() === Object.keys(filled).join(), `sent with ${JSON.stringify(variables)}`);
      assert(!wrong(response, persona), wrong(response, persona));
      const [payload] = Object.values(response.data);
      assert(payload?.userErrors.length === 0, JSON.stringify(payload));
      told[name] = payload;
      done.set(name, filled);
      await explorer.shows(response);
      await marked(explorer, response);
    });
  }
  await explorer.page.screenshot({ path: join(args.shots, 'mutation.png') });
  await explorer.page.close();
  return done;
}

/** The same ones by everybody: done, or refused by a word of why, and shown either way. */
async function mutationsOfEverybody(personas, done) {
  const left = [...personas];
  const tallies = { done: 0, refused: 0 };
  const pages = Array.from({ length: 3 }, async () => {
    const explorer = await explore(WIDE, 'light');
    for (let persona = left.shift(); persona; persona = left.shift()) {
      await explorer.be(persona);
      for (const [name, variables] of done) {
        await check(`${persona.email}: ${name} of everybody`, async () => {
          await explorer.choose(name);
          await explorer.type('Variables', JSON.stringify(variables));
          const { response, sent } = await explorer.answer(() => explorer.run());
          assert(sent.authorization === `Bearer ${persona.token}`, 'sent with another token');
          const others = (response.errors ?? []).filter(({ extensions }) => extensions?.code !== 'FORBIDDEN');
          assert(!wrong({ errors: others }, persona), wrong({ errors: others }, persona));
          const [payload] = Object.values(response.data ?? {});
          const isDone = payload?.userErrors.length === 0;
          if (isDisabled(persona)) assert(!payload, 'it was answered to a disabled user');
          tallies[isDone ? 'done' : 'refused'] += 1;
          await explorer.shows(response);
        });
      }
    }
    await explorer.page.close();
  });
  await Promise.all(pages);
  await check('of these some are done and most are refused', async () => {
    assert(tallies.done > 0 && tallies.refused > tallies.done, JSON.stringify(tallies));
    return JSON.stringify(tallies);
  });
}

/** For people to look at. */
async function pictures(described) {
  for (const [size, viewport] of Object.entries({ wide: WIDE, narrow: NARROW })) {
    for (const scheme of ['light', 'dark']) {
      await check(`pictures, ${size} and ${scheme}`, async () => {
        const explorer = await explore(viewport, scheme);
        for (const [as, name] of [
          [/^Runs a reseller/, 'hidden-and-why'],
          [/portal is READ_ONLY, so/, 'SettingsQuery'],
          [/portal is FULL/, 'ConsentSetMutation'],
        ]) {
          await explorer.be(described(as));
          await explorer.choose(name);
          if (!name.endsWith('Mutation')) await explorer.pane();
          if (!name.endsWith('Mutation')) await explorer.page.locator('.denial').first().click();
          const path = join(args.shots, `${name}-${size}-${scheme}.png`);
          await explorer.page.screenshot({ path, fullPage: size === 'narrow' });
        }
        await explorer.page.close();
      });
    }
  }
}
