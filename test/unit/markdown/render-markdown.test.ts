import { renderMarkdown } from '../../../src/markdown/render-markdown.js';
import { plainHtml, renderingLimits } from '../../../src/markdown/rendering.js';

function htmlOf(markdown: string): string {
  const rendering = renderMarkdown(markdown);
  if ('fault' in rendering) throw new Error(rendering.fault);
  return rendering.html;
}

describe('the HTML of a description', () => {
  test('loads nothing by itself: of an image, wherever it lies, the text stays', () => {
    const sources = [
      'https://tracker.example/x.png',
      '//tracker.example/x',
      '/attachments/1',
      'x.png',
      'data:image/png;base64,eA==',
    ];
    for (const source of sources) {
      const html = htmlOf(
        `![a *cat*](${source} "title")\n\n[![in a link](${source})](https://example.org)\n\n![ref][r]\n\n[r]: ${source}`,
      );
      expect(html).toContain('a cat');
      expect(html).toContain('>in a link</a>');
      expect(html).toContain('<p>ref</p>');
      expect(html).not.toMatch(/<(?!\/?(p|a)\b)|src|tracker|data:|attachments/);
    }
  });

  test('has none of what is written in HTML', () => {
    const tags = [
      '<img src=x>',
      '<picture><source srcset=x></picture>',
      '<input type=image src=x>',
      '<video src=x>',
      '<link rel=prefetch href=x>',
      '<table background=x>',
      '<style>@import x</style>',
      '<iframe src=x>',
      '<svg><image href=x /></svg>',
      '<script>x</script>',
      '<base href=x>',
      '<p style="background:url(x)">',
    ];
    for (const tag of tags) {
      expect(htmlOf(`a ${tag} b`)).toMatch(/^<p>a [^<]*b<\/p>$/);
      expect(htmlOf(`${tag}\n`)).toMatch(/^(<p><\/p>)?$/);
    }
  });

  test('has links that tell their target nothing, and only to what is safe to open', () => {
    const rel = 'rel="nofollow noopener noreferrer"';
    expect(htmlOf('[a](https://example.org "t")')).toBe(
      `<p><a href="https://example.org" title="t" ${rel}>a</a></p>`,
    );
    expect(htmlOf('www.example.org')).toBe(
      `<p><a href="http://www.example.org" ${rel}>www.example.org</a></p>`,
    );
    expect(htmlOf('[a][b]\n\n[b]: /local')).toBe(`<p><a href="/local" ${rel}>a</a></p>`);
    for (const scheme of [
      'javascript:alert(1)',
      'data:text/html,x',
      'vbscript:x',
      'file:///etc/passwd',
      'blob:x',
    ])
      expect(htmlOf(`[a](<${scheme}>)`)).toBe('<p><a>a</a></p>');
  });

  test('keeps its ids apart from those of the page, and its footnotes find each other', () => {
    const html = htmlOf('a[^location] b[^location]\n\n[^location]: c');
    const ids = [...html.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
    const targets = [...html.matchAll(/href="#([^"]*)"/g)].map(([, id]) => id);
    expect(targets).toHaveLength(4);
    for (const id of ids) expect(id).toMatch(/^user-content-(?!user)/);
    for (const target of targets) expect(ids).toContain(target);
  });

  test('keeps lists, tables, tasks and code', () => {
    expect(htmlOf('3. x')).toContain('<ol start="3">');
    expect(htmlOf('- [x] a')).toContain('<input type="checkbox" checked disabled>');
    expect(htmlOf('```js\nx\n```')).toContain('<code class="language-js">');
    expect(htmlOf('|a|b|\n|:-|-|\n|c|')).toContain('<td align="left">c</td>\n<td></td>');
  });

  test('is within the limits for the longest ordinary text', () => {
    for (const text of [
      'Lorem ipsum dolor sit amet. ',
      '<',
      '&',
      '- [ ] milk\n',
      '[a](b)',
      '# a\n',
      '**a** ',
    ])
      expect(htmlOf(text.repeat(10_000).slice(0, 10_000)).length).toBeLessThanOrEqual(
        renderingLimits.htmlLength,
      );
  });
});

describe('a description is refused', () => {
  const fill = (text: string) => text.repeat(10_000).slice(0, 10_000);

  test.each([
    ['a wide table', `${'|a'.repeat(1_200)}\n${'|-'.repeat(1_200)}\n${fill('b\n').slice(0, 5_000)}`],
    ['a long definition', `[a]: ${'b'.repeat(5_000)}\n\n${'[a]'.repeat(1_600)}`],
    ['a long title', `[a]: b "${'&'.repeat(5_000)}"\n\n${'[a]'.repeat(1_600)}`],
    ['many footnotes', `[^a]: b\n\n${fill('[^a]').slice(0, 9_900)}`],
  ])('for the length of its HTML: %s', (_name, markdown) => {
    expect(renderMarkdown(markdown)).toEqual({ fault: 'html_too_long' });
  });

  test.each([
    ...['> - ', '>', '> ', '1. ', '- 1. ', '\t> ', '+ * '].map(fill),
    `${'*a **b '.repeat(101)}${'** c*'.repeat(101)}`,
  ])('for its nesting: %.20s', (markdown) => {
    expect(renderMarkdown(markdown)).toEqual({ fault: 'too_deep' });
  });

  test('but not for 100 levels, or for a line of dashes', () => {
    expect(htmlOf(`${'> '.repeat(renderingLimits.levels)}a`)).toContain('a');
    expect(renderMarkdown(`${'> '.repeat(renderingLimits.levels + 1)}a`)).toEqual({ fault: 'too_deep' });
    expect(htmlOf('- '.repeat(200))).toBe('<hr>');
    expect(htmlOf('-'.repeat(200))).toBe('<hr>');
  });
});

test('text that is not rendered is shown as it was typed', () => {
  expect(plainHtml('<b>&amp;\r\n*c*\nd\re')).toBe('<p>&lt;b&gt;&amp;amp;<br>\n*c*<br>\nd<br>\ne</p>');
  for (const character of ['<', '&', '\n', '\r', '>'])
    expect(plainHtml(character.repeat(10_000)).length).toBeLessThan(renderingLimits.htmlLength);
});
