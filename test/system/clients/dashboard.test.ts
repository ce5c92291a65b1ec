import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { attach, TusClient } from '../../service/targets/tus-client.js';
import { describeWithBrowser, openBrowser, startForeignSite } from '../../support/browser.js';
import { bundleTool } from '../../support/client-tools.js';
import { startService } from '../../support/service.js';
import { sha256 } from '../../support/sha256.js';
import { describeWithPackages } from '../../support/skip-without.js';
import { repositoryRoot } from '../../support/source-files.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

const folder = join(repositoryRoot, 'test/system/clients/tools');

describeWithPackages(folder, () =>
  describeWithBrowser((chromium) => {
    test("Uppy's Dashboard goes on after the browser was offline, and after a reload", async () => {
      await using service = await startService();
      const [browser, site] = [await openBrowser(chromium), await startForeignSite()];
      const files = await makeTemporaryDirectory();
      const content = randomBytes(9_000_000);
      await writeFile(join(files, 'train.bin'), content);
      const page = await browser.newPage();
      const network = await page.context().newCDPSession(page);
      await network.send('Network.enable');
      const set = (offline: boolean, uploadThroughput: number) =>
        network.send('Network.emulateNetworkConditions', {
          ...{ offline, latency: 0, downloadThroughput: -1 },
          uploadThroughput,
        });
      const given = JSON.stringify({ url: `${service.url}/graphql`, key: service.key });
      const script = await bundleTool(folder, 'uppy-dashboard', 'browser');
      const address = site.addPage('<!doctype html><link rel="icon" href="data:,"><body></body>');
      const begin = async () => {
        await page.goto(address);
        await page.addScriptTag({ content: script });
        await page.evaluate(`void (globalThis.result = tool.run(${given}))`);
        await page.locator('input[type=file]').first().setInputFiles(join(files, 'train.bin'));
        await page.locator('.uppy-StatusBar-actionBtn--upload').click();
      };
      const urls = new Set<string>();
      const offsets: number[] = [];
      page.on('response', (response) => {
        const { location } = response.headers();
        if (response.request().method() === 'POST' && location) urls.add(location);
      });
      page.on('request', (request) => {
        if (request.method() === 'PATCH') offsets.push(Number(request.headers()['upload-offset']));
      });
      const tus = new TusClient(service, service.key);
      /** Waits until more than these bytes are durable, and tells how many. */
      const beyond = async (bytes: number) => {
        for (;;) {
          const [url] = urls;
          const offset = url ? await tus.offset(url) : 0;
          if (offset > bytes) return offset;
          await new Promise(setImmediate);
        }
      };

      await set(false, 2_000_000);
      await begin();
      await beyond(0);
      await set(true, 0);
      const [url = ''] = urls;
      // A request that has broken off is settled in a moment.
      let known = -1;
      for (let now = await tus.offset(url); now !== known; now = await tus.offset(url)) known = now;
      expect(known).toBeLessThan(content.length);
      await set(false, 2_000_000);
      await beyond(known);
      await set(false, -1);
      await begin();
      expect(await page.evaluate('globalThis.result')).toEqual({ uploaded: ['train.bin'], failed: 0 });
      await Promise.all([browser.close(), site.close(), rm(files, { recursive: true })]);
      expect([...urls]).toEqual([url]);
      expect(offsets.at(-1)).toBeGreaterThan(0);
      const { headers } = await tus.head(url);
      expect(await attach(service, headers.get('upload-document-key') ?? '')).toMatchObject({
        size: content.length,
        sha256: { hash: sha256(content) },
      });
    }, 120_000);
  }),
);
