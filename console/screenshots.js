/*
 * `npm run screenshots`: makes the pictures of `docs/console.md` in `docs/console/`, of a service of its own with files of its
 * own. Needs what `npm run build` makes, and Chromium: in the PATH of Debian, or where CHROMIUM says.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';
import sharp from 'sharp';

const root = join(import.meta.dirname, '..');
const target = join(root, 'docs/console');
const key = `cck_${randomBytes(24).toString('base64url')}`;
/** Halves, so that no scanner takes this file for the test file of all scanners. */
const malware = ['X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR', '-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'].join('');
const record = { type: 'WorkPackage', id: '1207' };

/** Starts a service on a free port, and returns its address. */
async function startService(data) {
  const env = {
    PATH: process.env.PATH,
    PORT: '0',
    DATA_DIR: data,
    BOOTSTRAP_API_KEY: key,
    SCANNER: 'eicar',
    QUOTA_BYTES: '4000000',
    LOG_LEVEL: 'silent',
  };
  const program = [join(root, 'dist/claimcheck.cjs'), 'serve'];
  const service = spawn(process.execPath, program, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(createInterface(service.stdout), 'line');
  return { service, url: line.replace(/^Claimcheck listens on /, '') };
}

async function ask(url, query, variables) {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await response.json();
  if (errors) throw new Error(JSON.stringify(errors));
  return data;
}

const create = `mutation ($input: CreateAttachmentInput!) {
  createAttachment(input: $input) { attachment { id } } }`;

async function store(url, fileName, bytes, more = {}) {
  const content = { base64: Buffer.from(bytes).toString('base64') };
  const { createAttachment } = await ask(url, create, { input: { content, fileName, ...more } });
  return createAttachment.attachment.id;
}

/** A landscape of a hill and a sun. */
const landscape = (sky, hill, format) =>
  sharp(
    Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="800" height="600"><rect width="800" height="600" fill="${sky}"/>
      <circle cx="600" cy="150" r="70" fill="#ffe9a8"/><path d="M0 450 Q200 250 420 430 T800 380 V600 H0Z" fill="${hill}"/></svg>`),
  )
    .toFormat(format)
    .toBuffer();

async function fill(url) {
  const field = { record, field: 'files' };
  await store(url, 'site plan.png', await landscape('#8cc2ff', '#14642c', 'png'), field);
  const opened = await store(url, 'north facade.jpg', await landscape('#f2c265', '#55606c', 'jpeg'), {
    ...field,
    description: 'Taken **before** the scaffold came.',
  });
  await store(url, 'quote.txt', 'Scaffold, 240 square metres\n', field);
  await store(url, 'minutes of May.md', '# Minutes\n\n- The scaffold comes in June.\n', field);
  await store(url, 'logo.webp', await landscape('#e8ebee', '#0b57a4', 'webp'), {
    record: { type: 'Project', id: '7' },
    field: 'logo',
  });
  const loose = await store(url, 'draft.txt', 'A draft.\n', field);
  const remove = { input: { record, field: 'files', attachmentIds: [loose], mode: 'REMOVE' } };
  await ask(
    url,
    'mutation ($input: LinkAttachmentsInput!) { linkAttachments(input: $input) { field { id } } }',
    remove,
  );
  await store(url, 'invoice.txt', malware);
  return opened;
}

const views = (opened) => [
  { name: 'files', query: `?file=${opened}`, ready: '.picture' },
  { name: 'record', query: `?page=records&record=${record.type}/${record.id}`, ready: 'text=draft.txt' },
  { name: 'quarantine', query: '?page=quarantine', ready: 'text=Eicar-Test-Signature' },
  { name: 'usage', query: '?page=administration&tab=usage', ready: 'role=meter' },
  { name: 'audit', query: '?page=administration&tab=audit', ready: 'role=listitem' },
];

const looks = [
  { name: 'light', theme: 'light', viewport: { width: 1120, height: 700 } },
  { name: 'dark', theme: 'dark', viewport: { width: 1120, height: 700 } },
  { name: 'phone', theme: 'light', viewport: { width: 360, height: 720 } },
];

/** In as few colours as a page has: a picture is a tenth as large. */
async function save(page, name) {
  const image = sharp(await page.screenshot()).png({
    palette: true,
    colours: 96,
    effort: 10,
    compressionLevel: 9,
  });
  const { size } = await image.toFile(join(target, `${name}.png`));
  process.stdout.write(`${name}.png ${size} bytes\n`);
  if (size > 100_000) throw new Error(`${name}.png is larger than 100,000 bytes.`);
}

async function photograph(browser, url, opened) {
  for (const { name: look, theme, viewport } of looks) {
    const context = await browser.newContext({
      locale: 'en',
      viewport,
      colorScheme: theme,
      timezoneId: 'UTC',
    });
    const page = await context.newPage();
    await page.goto(url);
    await page.getByLabel('API key or token').fill(key);
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    for (const { name, query, ready } of views(opened)) {
      await page.goto(`${url}/${query}`);
      await page.locator(ready).first().waitFor();
      await page.waitForFunction('Array.from(document.images).every(({ complete }) => complete)');
      await save(page, `${name}-${look}`);
    }
    await context.close();
  }
}

mkdirSync(target, { recursive: true });
const data = mkdtempSync(join(tmpdir(), 'claimcheck-screenshots-'));
const { service, url } = await startService(data);
try {
  const opened = await fill(url);
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  const browser = await chromium.launch({ executablePath, chromiumSandbox: false, args: ['--disable-gpu'] });
  await photograph(browser, url, opened);
  await browser.close();
} finally {
  service.kill();
  await once(service, 'exit');
  rmSync(data, { recursive: true, force: true });
}
