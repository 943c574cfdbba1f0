// The page as a person uses it: what is chosen, typed, pressed and read.

const PANE = '.graphiql-response .view-lines';

/** Whether a request of the page asks for something of the gateway's data, by the name of the operation. */
export function operationOf(request) {
  if (new URL(request.url()).pathname !== '/graphql') return null;
  try {
    return JSON.parse(request.postData() ?? '{}').operationName ?? '';
  } catch {
    return '';
  }
}

export class Explorer {
  constructor(page) {
    this.page = page;
  }

  async open(url) {
    await this.page.goto(url.href);
    await this.page.locator('.graphiql-query-editor .view-line').first().waitFor();
    await this.page.locator(PANE).first().waitFor({ state: 'attached' });
  }

  async be(persona) {
    await this.page.getByTestId('persona').selectOption(persona.email);
  }

  /** The examples of the menu, each with the group that it stands in. */
  menu() {
    return this.page
      .locator('[data-testid=example] optgroup option')
      .evaluateAll(options => options.map(({ value, parentElement }) => ({ name: value, group: parentElement.label })));
  }

  async choose(example) {
    await this.page.getByTestId('example').selectOption(example);
  }

  async placeHidden(inExtensions) {
    await this.page.getByTestId('hidden-placement').setChecked(inExtensions);
  }

  /** What the gateway answers to what `act` makes the page ask. */
  async answer(act) {
    const answered = this.page.waitForResponse(
      reply => !['IntrospectionQuery', null].includes(operationOf(reply.request())) && reply.request().method() === 'POST',
    );
    await act();
    const reply = await answered;
    const request = reply.request();
    const { operationName: operation, variables } = request.postDataJSON();
    return { response: await reply.json(), sent: await request.allHeaders(), operation, variables };
  }

  /** Waits until the response shows this text, and gives all of it that is in view. */
  async pane(text = '{') {
    const shown = ([selector, wanted]) => document.querySelector(selector)?.textContent.replaceAll('\u00a0', ' ').includes(wanted);
    await this.page.waitForFunction(shown, [PANE, text]);
    return (await this.page.locator(PANE).innerText()).replaceAll('\u00a0', ' ');
  }

  /** Waits until the response shows the beginning of this answer, and the strip counts its denials. */
  async shows(answer) {
    const beginning = JSON.stringify(answer, null, 2).split('\n').slice(0, 6).map(line => line.trim().slice(0, 40));
    const { errors = [], extensions } = answer;
    const told = (extensions?.hidden ?? []).reduce((sum, { count }) => sum + count, 0);
    const denials = told + errors.filter(error => error.extensions?.code === 'HIDDEN').length;
    const shown = ([selector, lines, count]) => {
      const text = document.querySelector(selector)?.textContent.replaceAll('\u00a0', ' ') ?? '';
      const counted = [...document.querySelectorAll('.denial')].map(({ textContent }) => Number(/(\d+) times$/.exec(textContent)?.[1] ?? 1));
      return lines.every(line => text.includes(line)) && counted.reduce((sum, one) => sum + one, 0) === count;
    };
    await this.page.waitForFunction(shown, [PANE, beginning, denials]);
  }

  run() {
    return this.page.getByRole('button', { name: /^Execute query/ }).click();
  }

  stop() {
    return this.page.getByRole('button', { name: /^Stop query/ }).click();
  }

  async summary() {
    return (await this.page.getByTestId('hidden-summary').innerText()).replace(/\s+/g, ' ').trim();
  }

  /** What the strip says of a stream. */
  async saysLive() {
    return (await this.page.getByTestId('live').textContent()).trim();
  }

  /** Waits until it says this. */
  async live(words) {
    await this.page.getByTestId('live').filter({ hasText: words }).waitFor();
  }

  /** Replaces what stands in one of the editors below the query: "Variables" or "Headers". */
  async type(editor, text) {
    await this.page.locator('.graphiql-editor-tools').getByRole('button', { name: editor }).click();
    await this.page.locator('.graphiql-editor-tool .graphiql-editor:not(.hidden) .view-lines').click();
    await this.page.keyboard.press('ControlOrMeta+A');
    await this.page.keyboard.press('Delete');
    // Typed as a paste: the editor closes no brackets by itself.
    if (text) {
      await this.page.evaluate(pasted => {
        const data = new DataTransfer();
        data.setData('text/plain', pasted);
        document.activeElement.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
      }, text);
    }
  }
}
