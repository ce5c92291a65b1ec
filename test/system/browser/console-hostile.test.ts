import type { Browser } from 'playwright-core';
import { eicarString } from '../../../src/scanner/create-scanner.js';
import { describeWithBrowser, openBrowser } from '../../support/browser.js';
import { type ConsolePage, eventually, openConsole } from '../../support/console-page.js';
import { startService, type TestService } from '../../support/service.js';
import { openTestDatabase } from '../../support/test-database.js';

/** Would say so in `window.hit` if a page took it for anything but text. */
const script = (name: string) => `${name} <img src=x onerror="window.hit=1"><b class="hit">${name}</b>`;

describeWithBrowser((chromium) => {
  let browser: Browser;
  let service: TestService;
  let tab: ConsolePage;

  beforeAll(async () => {
    browser = await openBrowser(chromium);
    service = await startService({ SCANNER: 'eicar', WEBHOOK_ALLOW_PRIVATE: 'true' });
    tab = await openConsole(browser, service);
    await tab.signIn();
  });
  afterAll(async () => {
    await tab.close();
    await browser.close();
    await service.close();
  });

  const change = (name: string, input: object) => {
    const type = `${name[0]?.toUpperCase()}${name.slice(1)}Input`;
    return service.client.ask(`mutation ($input: ${type}!) { ${name}(input: $input) { __typename } }`, {
      input,
    });
  };

  /** Opens a page that shows this text, of which nothing has become more than text. */
  async function expectText(query: string, shown: string): Promise<void> {
    await tab.page.goto(`${service.url}/?${query}`);
    await tab.page.getByText(shown, { exact: false }).first().waitFor();
    expect(await tab.page.evaluate('window.hit')).toBeUndefined();
    expect(await tab.page.locator('.hit, img[src="x"]').count()).toBe(0);
    expect(tab.faults).toEqual([]);
  }

  test('metadata of a file is text', async () => {
    const attributes = { [script('key')]: script('value'), list: [script('item')] };
    const metadata = { type: script('type'), attributes };
    const { id } = await service.client.upload({ content: 'm', name: 'm.txt' }, { metadata });
    await expectText(`file=${id}`, 'value <img');
  });

  test('a signature of the scanner, and the reason of a release in the audit, are text', async () => {
    const { id } = await service.client.upload({ content: eicarString, name: 'e.txt' });
    const status = async () =>
      (
        await service.client.ask<{ attachment: { status: string } }>(
          'query ($id: ID!) { attachment(id: $id) { status } }',
          { id },
        )
      ).attachment.status;
    await eventually(status, 'REJECTED');
    // As a scanner with such a database of signatures would call it.
    const database = await openTestDatabase(service.dataDirectory);
    await database.write((manager) =>
      manager.query(`UPDATE rejections SET signature = '${script('signature')}'`),
    );
    await database.close();
    await expectText('page=quarantine', 'signature <img');
    await expectText(`file=${id}`, 'signature <img');
    await change('releaseAttachment', { attachmentId: id, reason: script('reason') });
    await expectText('page=administration&tab=audit&action=ATTACHMENT_RELEASED', 'reason <img');
  });

  test('the name of a key is text', async () => {
    await change('createApiKey', { name: script('key'), permissions: ['attachments:read'] });
    await expectText('page=administration&tab=keys', 'key <img');
  });

  test('the note of an endpoint, and its deliveries, are text', async () => {
    await change('createWebhookEndpoint', {
      // Nobody listens there.
      uri: 'http://127.0.0.1:9/?a=<b>',
      events: ['ATTACHMENT_CREATED'],
      description: script('note'),
    });
    await service.client.upload({ content: 'n', name: 'n.txt' });
    const wasTried = async () => {
      const { webhookDeliveries } = await service.client.ask<{
        webhookDeliveries: { nodes: { attempts: number }[] };
      }>('{ webhookDeliveries(first: 1) { nodes { attempts } } }');
      return (webhookDeliveries.nodes[0]?.attempts ?? 0) > 0;
    };
    await eventually(wasTried, true);
    await expectText('page=administration&tab=endpoints', 'note <img');
    await expectText('page=administration&tab=deliveries', '127.0.0.1:9');
  });
});
