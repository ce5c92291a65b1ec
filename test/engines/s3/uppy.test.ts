import { join } from 'node:path';
import { PutBucketCorsCommand } from '@aws-sdk/client-s3';
import { attach } from '../../service/targets/tus-client.js';
import { describeWithBrowser, openBrowser, startForeignSite } from '../../support/browser.js';
import { cephPackages } from '../../support/ceph.js';
import { bundleTool } from '../../support/client-tools.js';
import { createBucket } from '../../support/s3-store.js';
import { sha256 } from '../../support/sha256.js';
import { sharedStore } from '../../support/shared-ceph.js';
import { describeWithPackages, describeWithProgram } from '../../support/skip-without.js';
import { repositoryRoot } from '../../support/source-files.js';
import { Bucket, startOnBucket } from './s3-stage.js';

const folder = join(repositoryRoot, 'test/system/clients/tools');

describeWithPackages(folder, () =>
  describeWithProgram('radosgw', cephPackages, () =>
    describeWithBrowser((chromium) => {
      test("Uppy's AwsS3 sends a file in parts from a page straight to the store", async () => {
        const bucket = new Bucket(await createBucket(await sharedStore()));
        const rule = {
          AllowedOrigins: ['*'],
          AllowedMethods: ['PUT'],
          AllowedHeaders: ['*'],
          ExposeHeaders: ['ETag'],
        };
        await bucket.client.send(
          new PutBucketCorsCommand({
            Bucket: bucket.location.bucket,
            CORSConfiguration: { CORSRules: [rule] },
          }),
        );
        await using service = await startOnBucket(bucket.location);
        const [browser, site] = [await openBrowser(chromium), await startForeignSite()];
        const page = await browser.newPage();
        await page.goto(site.addPage('<!doctype html><link rel="icon" href="data:,"><body></body>'));
        await page.addScriptTag({ content: await bundleTool(folder, 'uppy-s3', 'browser') });
        const puts: string[] = [];
        page.on('request', (request) => request.method() === 'PUT' && puts.push(request.url()));
        const given = JSON.stringify({ url: `${service.url}/graphql`, key: service.key });
        const answer = await page.evaluate<{ uploaded: string; keys: string[] }>(`tool.run(${given})`);
        await Promise.all([browser.close(), site.close()]);
        const [key = ''] = answer.keys;
        expect(answer).toEqual({ uploaded: 'uppy.txt', keys: [expect.any(String)] });
        expect(puts.map((url) => new URL(url).origin)).toEqual(Array(3).fill(bucket.location.endpoint));
        expect(await attach(service, key)).toMatchObject({
          fileName: 'uppy.txt',
          sha256: { hash: sha256('Hello, Claimcheck.'.repeat(700_000)) },
        });
        expect([await bucket.keys(), await bucket.unfinished()]).toEqual([[key], 0]);
      }, 120_000);
    }),
  ),
);
