import type { Browser, Page } from 'playwright-core';
import { createMemoryStorage } from '../../../src/storage/memory.js';
import {
  describeWithBrowser,
  type ForeignSite,
  openBrowser,
  startForeignSite,
} from '../../support/browser.js';
import { startService, type TestService } from '../../support/service.js';
import { sha256 } from '../../support/sha256.js';

const operations = {
  query: `mutation ($file: Upload!) {
    createAttachment(input: { content: { upload: $file } }) { attachment { id size url downloadUrl sha256: digest { hash } } }
  }`,
  variables: { file: null },
};

const size = 4 * 1024 * 1024;
/** The bytes that the page sends; it makes the same ones itself. */
const content = Buffer.from(Uint8Array.from({ length: size }, (_, at) => (at * 7 + (at >> 8)) % 251));

interface Uploaded {
  data: {
    createAttachment: {
      attachment: { id: string; size: number; url: string; downloadUrl: string; sha256: { hash: string } };
    };
  };
}

describeWithBrowser((chromium) => {
  let browser: Browser;
  let site: ForeignSite;
  let service: TestService;
  let page: Page;
  let storedObjects: number;

  beforeAll(async () => {
    browser = await openBrowser(chromium);
    site = await startForeignSite();
  });
  afterAll(async () => {
    await browser.close();
    await site.close();
  });

  beforeEach(async () => {
    const storage = createMemoryStorage();
    const create = storage.create.bind(storage);
    storedObjects = 0;
    storage.create = (key) => {
      storedObjects += 1;
      return create(key);
    };
    service = await startService({}, { storage });
    page = await browser.newPage();
    await page.goto(site.addPage('<!doctype html><title>Somebody else</title>'));
  });
  afterEach(async () => {
    await page.close();
    await service.close();
  });

  test('a page of another origin uploads 4 MiB, and reads the answer and its request id', async () => {
    const answer = await upload({ size, preflight: true });
    expect(answer.status).toBe(200);
    const { attachment } = (JSON.parse(answer.text) as Uploaded).data.createAttachment;
    expect(attachment).toMatchObject({ size, sha256: { hash: sha256(content) } });
    expect(answer.requestId).toMatch(/^[0-9a-f-]{36}$/);
    expect(preflights('/graphql')).toBe(1);
    expect(storedObjects).toBe(1);
  });

  test('and downloads it, whole and in part, with its credential and by its signed URL', async () => {
    const answer = await upload({ size, preflight: true });
    const { url, downloadUrl } = (JSON.parse(answer.text) as Uploaded).data.createAttachment.attachment;
    const authorization = `Bearer ${service.key}`;
    const etag = `"${sha256(content)}"`;
    const whole = {
      status: 200,
      sha256: sha256(content),
      etag,
      disposition: 'attachment; filename=from-the-page.bin',
      acceptRanges: 'bytes',
    };

    expect(await download(url, { authorization })).toMatchObject(whole);
    expect(preflights(new URL(url).pathname)).toBe(1);
    expect(await download(url, { authorization, range: 'bytes=1000-1999' })).toMatchObject({
      status: 206,
      sha256: sha256(content.subarray(1000, 2000)),
      contentRange: `bytes 1000-1999/${size}`,
      etag,
    });
    expect(await download(downloadUrl, {})).toMatchObject(whole);
    expect(await download(url, {})).toMatchObject({ status: 401, requestId: expect.any(String) });
  });

  test('its multipart request without the header is refused, and nothing is stored', async () => {
    const answer = await upload({ size, preflight: false });
    expectRefused(answer);
    expect(preflights('/graphql')).toBe(0);
    await expectNothingStored();
  });

  test('its request with a credential is refused too, once the browser has asked leave, and nothing is stored', async () => {
    const answer = await upload({ size: 1000, preflight: false, withKey: true });
    expectRefused(answer);
    expect(preflights('/graphql')).toBe(1);
    await expectNothingStored();
  });

  test.each(['multipart/form-data', 'text/plain', 'application/x-www-form-urlencoded'])(
    'a form of another origin sent as %s is refused, and nothing is stored',
    async (encoding) => {
      await page.goto(site.addPage(formPage(`${service.url}/graphql`, encoding)));
      await page.setInputFiles('input[type=file]', {
        name: 'a.txt',
        mimeType: 'text/plain',
        buffer: Buffer.from('x'),
      });
      const [answered] = await Promise.all([
        page.waitForResponse(`${service.url}/graphql`),
        page.click('button'),
      ]);
      expect(answered.request().headers()['content-type']).toMatch(new RegExp(`^${encoding}`));
      expectRefused({ status: answered.status(), text: await answered.text() });
      await expectNothingStored();
    },
  );

  test('the page can neither upload nor read an answer if CORS_ORIGINS names others', async () => {
    const strict = await startService({ CORS_ORIGINS: 'https://studio.apollographql.com' });
    try {
      const send = page.evaluate(
        ([url, key]) =>
          fetch(`${url}/graphql`, {
            method: 'POST',
            headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
            body: '{"query":"{ viewer { organizationId } }"}',
          }).then((response) => response.status),
        [strict.url, strict.key] as const,
      );
      await expect(send).rejects.toThrow('Failed to fetch');
      expect(strict.logLines.filter((line) => line.includes('"method":"POST"'))).toEqual([]);
      const read = page.evaluate(
        (url) => fetch(url).then((response) => response.text()),
        `${strict.url}/health/live`,
      );
      await expect(read).rejects.toThrow('Failed to fetch');
    } finally {
      await strict.close();
    }
  });

  /** Uploads from within the page, by fetch and FormData. */
  function upload({
    size,
    preflight,
    withKey = preflight,
  }: {
    size: number;
    preflight: boolean;
    withKey?: boolean;
  }) {
    const headers: Record<string, string> = {
      ...(preflight ? { 'apollo-require-preflight': 'true' } : {}),
      ...(withKey ? { authorization: `Bearer ${service.key}` } : {}),
    };
    return page.evaluate(
      async ({ url, operations, size, headers }) => {
        const bytes = Uint8Array.from({ length: size }, (_, at) => (at * 7 + (at >> 8)) % 251);
        const form = new FormData();
        form.set('operations', operations);
        form.set('map', '{"0":["variables.file"]}');
        form.set('0', new Blob([bytes]), 'from-the-page.bin');
        const response = await fetch(url, { method: 'POST', headers, body: form });
        return {
          status: response.status,
          text: await response.text(),
          requestId: response.headers.get('x-request-id'),
        };
      },
      { url: `${service.url}/graphql`, operations: JSON.stringify(operations), size, headers },
    );
  }

  /** Downloads from within the page, which may read no header that is not exposed to it. */
  function download(url: string, headers: Record<string, string>) {
    return page.evaluate(
      async ({ url, headers }) => {
        const response = await fetch(url, { headers });
        const digest = await crypto.subtle.digest('SHA-256', await response.arrayBuffer());
        const hex = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0'));
        return {
          status: response.status,
          sha256: hex.join(''),
          etag: response.headers.get('etag'),
          disposition: response.headers.get('content-disposition'),
          contentRange: response.headers.get('content-range'),
          acceptRanges: response.headers.get('accept-ranges'),
          requestId: response.headers.get('x-request-id'),
        };
      },
      { url, headers },
    );
  }

  function preflights(path: string): number {
    return service.logLines.filter((line) => {
      const entry = JSON.parse(line) as { method?: string; path?: string; status?: number };
      return entry.method === 'OPTIONS' && entry.path === path && entry.status === 204;
    }).length;
  }

  async function expectNothingStored(): Promise<void> {
    const { attachments } = await service.client.ask<{ attachments: { totalCount: number } }>(
      '{ attachments { totalCount } }',
    );
    expect(attachments.totalCount).toBe(0);
    expect(storedObjects).toBe(0);
  }
});

function expectRefused({ status, text }: { status: number; text: string }): void {
  expect(status).toBe(400);
  expect(JSON.parse(text)).toMatchObject({
    errors: [{ extensions: { code: 'BAD_USER_INPUT', details: [{ type: 'csrf' }] } }],
  });
}

/** A form whose fields make a well-formed upload, however it is encoded. */
function formPage(action: string, encoding: string): string {
  const json = JSON.stringify(operations).replaceAll('"', '&quot;');
  return `<!doctype html><form method="post" action="${action}" enctype="${encoding}">
    <input name="operations" value="${json}"><input name="map" value='{"0":["variables.file"]}'>
    <input type="file" name="0"><button>Win a prize</button></form>`;
}
