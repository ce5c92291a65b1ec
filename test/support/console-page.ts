import axe from 'axe-core';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { keepFaults } from './browser.js';
import type { TestService } from './service.js';

/** All of WCAG 2.2 AA that a program can tell, and what its authors advise. */
const rulesets = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** The console in a tab of its own, and all that goes wrong or out there. */
export interface ConsolePage {
  page: Page;
  context: BrowserContext;
  /** Errors of scripts, of the page's policy, and of requests. */
  faults: string[];
  /** Opens an address, such as `?page=records`, and signs in if need be. */
  signIn(query?: string, key?: string): Promise<void>;
  /** Names all that keeps people who see, hear or type otherwise from using the page. */
  accessibilityFaults(): Promise<string[]>;
  /** Throws if a request left the service, or had the key in its address. */
  close(): Promise<void>;
}

export async function openConsole(
  browser: Browser,
  { url, key }: Pick<TestService, 'url' | 'key'>,
  options: { locale?: string; viewport?: { width: number; height: number } } = {},
): Promise<ConsolePage> {
  const viewport = { width: 1200, height: 800 };
  const context = await browser.newContext({ locale: 'en', viewport, timezoneId: 'UTC', ...options });
  const page = await context.newPage();
  const faults = keepFaults(page);
  const asked: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  page.on('websocket', (socket) => asked.push(socket.url().replace(/^ws/, 'http')));
  return {
    page,
    context,
    faults,
    signIn: async (query = '', credential = key) => {
      await page.goto(`${url}/${query}`);
      const signOut = page.getByRole('button', { name: 'Sign out' });
      const field = page.getByLabel('API key or token');
      await signOut.or(field).waitFor();
      if (await signOut.isVisible()) return;
      await field.fill(credential);
      await page.keyboard.press('Enter');
      await signOut.waitFor();
    },
    accessibilityFaults: async () => {
      await page.evaluate(axe.source);
      const violations = await page.evaluate<{ id: string; nodes: { html: string }[] }[]>(
        `axe.run(document, { iframes: false, runOnly: ${JSON.stringify(rulesets)} }).then(({ violations }) => violations)`,
      );
      return violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
    },
    close: async () => {
      await context.close();
      const foreign = asked.filter(
        (address) => !/^(data|blob):/.test(address) && !address.startsWith(`${url}/`),
      );
      const telling = asked.filter((address) => address.includes(key));
      if (foreign.length + telling.length > 0) throw new Error([...foreign, ...telling].join('\n'));
    },
  };
}

/** Expects a value as soon as it is there. A busy machine takes its time. */
export async function eventually<Value>(read: () => Promise<Value>, expected: Value): Promise<void> {
  const isThere = async () => JSON.stringify(await read()) === JSON.stringify(expected);
  for (let round = 0; round < 200 && !(await isThere()); round += 1)
    await new Promise((resolve) => setTimeout(resolve, 50));
  expect(await read()).toEqual(expected);
}

/** Counts the files that the browser keeps for the next load of the page. */
export const countKept = `new Promise((resolve) => {
  indexedDB.open('claimcheck-uploads').onsuccess = ({ target }) => {
    target.result.transaction('files').objectStore('files').count().onsuccess = (event) =>
      resolve(event.target.result);
  };
})`;
