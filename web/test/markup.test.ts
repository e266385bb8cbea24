import { describe, expect, it } from 'vitest';
import { blocks, isEmojiOnly, spans } from '../src/features/timeline/markup.ts';

const kinds = (text: string) => spans(text).map((span) => `${span.kind}:${span.text}`);
const links = (text: string) => spans(text).flatMap((span) => (span.kind === 'link' ? [span.href] : []));

describe('what stands inside a line', () => {
  it('is text, code, bold, italic', () => {
    expect(kinds('a `b` **c d** _e_')).toEqual([
      'text:a ',
      'code:b',
      'text: ',
      'strong:c d',
      'text: ',
      'em:e',
    ]);
  });

  it('leaves names, sums and single signs alone', () => {
    for (const text of ['snake_case_name', '2 * 3 * 4', '** no **', '`', 'a*b', '5 * 4']) {
      expect(kinds(text)).toEqual([`text:${text}`]);
    }
  });

  it('shows markup inside code as it is', () => {
    expect(kinds('`**a** https://x.example`')).toEqual(['code:**a** https://x.example']);
  });

  it('links to the web, without the signs of the sentence', () => {
    expect(links('see https://a.example/b?c=d#e.')).toEqual(['https://a.example/b?c=d#e']);
    expect(links('(https://a.example/b)')).toEqual(['https://a.example/b']);
    expect(links('https://a.example/w_(x)')).toEqual(['https://a.example/w_(x)']);
    expect(links('https://a.example, https://b.example!')).toEqual([
      'https://a.example/',
      'https://b.example/',
    ]);
  });

  it('keeps the brackets that an address opened, and no others', () => {
    expect(links('https://a.example/w_(x))).')).toEqual(['https://a.example/w_(x)']);
    expect(links('https://a.example/w_(x)_(y)')).toEqual(['https://a.example/w_(x)_(y)']);
    expect(links('https://a.example/)(')).toEqual(['https://a.example/)(']);
    expect(links('https://a.example/(b.)')).toEqual(['https://a.example/(b.)']);
  });

  it('links to no address longer than any real one', () => {
    const address = (length: number) => `https://a.example/${'b'.repeat(length - 18)}`;
    expect(links(address(2_048))).toEqual([address(2_048)]);
    expect(kinds(address(2_049))).toEqual([`text:${address(2_049)}`]);
    expect(links(`${address(2_048)}).`)).toEqual([address(2_048)]);
  });

  it('never links to anything else', () => {
    for (const text of [
      'javascript:alert(1)',
      'data:text/html,x',
      'file:///etc/passwd',
      'https://',
      'vbscript:x',
    ]) {
      expect(links(text)).toEqual([]);
    }
  });

  it('links only where the address reads as it goes', () => {
    const cases: [string, string | null | 'as written'][] = [
      // Plain letters: nothing is added.
      ['https://example.org/a', 'as written'],
      ['https://EXAMPLE.org', 'as written'],
      ['http://example.org:8080/a', 'as written'],
      ['https://example.org:443', 'as written'],
      ['https://[::1]:8080/', 'as written'],
      ['https://example.org/@ada', 'as written'],
      ['https://example.org/?a@b', 'as written'],
      ['https://example.org/ü/א/美', 'as written'],
      ['https://fa.example.org/می\u200cشود', 'as written'],
      ['https://example.org/❤️', 'as written'],
      // Letters of other scripts and other ways to write a host: where it really goes.
      ['https://аpple.com', 'xn--pple-43d.com'],
      ['https://аррӏе.com/login', 'xn--80ak6aa92e.com'],
      ['https://müller.example', 'xn--mller-kva.example'],
      ['https://例え.example:8080/a', 'xn--r8jz45g.example'],
      ['https://ex%61mple.org/', 'example.org'],
      ['https://ｅxample.org', 'example.org'],
      ['https://example。org', 'example.org'],
      ['http://0x7f.1/', '127.0.0.1'],
      ['http://2130706433/', '127.0.0.1'],
      ['https://good.example\\.evil.example', 'as written'],
      // A user part looks like the host.
      ['http://good.example@evil.example/', null],
      ['https://good.example:443@evil.example/', null],
      ['https://@evil.example/', null],
      ['https://a:b@evil.example/', null],
      // Signs that turn the direction, or that nobody sees.
      ['https://example.org/\u202egpj.exe', null],
      ['https://\u202emoc.elpmaxe', null],
      ['https://example.org/\u2066a\u2069', null],
      ['https://exam\u200dple.org', null],
      ['https://exam\u00adple.org', null],
      ['https://example.org/a\u200bb', null],
      ['https://example.org/\u{e0041}', null],
    ];
    for (const [text, host] of cases) {
      const told = spans(text).map((span) => (span.kind === 'link' ? (span.host ?? 'as written') : null));
      expect(told, text).toEqual([host]);
    }
  });

  it('loses nothing of the text', () => {
    const text = 'a **b** `c` (https://a.example). _d_ **e';
    const written = spans(text)
      .map((span) => {
        if (span.kind === 'code') return `\`${span.text}\``;
        if (span.kind === 'strong') return `**${span.text}**`;
        return span.kind === 'em' ? `_${span.text}_` : span.text;
      })
      .join('');
    expect(written).toBe(text);
  });
});

describe('blocks', () => {
  it('are lines and fenced code', () => {
    expect(blocks('one\n```rust\nfn a() {}\n\n  b\n```\ntwo')).toEqual([
      { kind: 'lines', spans: [{ kind: 'text', text: 'one' }] },
      { kind: 'code', text: 'fn a() {}\n\n  b' },
      { kind: 'lines', spans: [{ kind: 'text', text: 'two' }] },
    ]);
  });

  it('leave a fence that nobody closed as it is', () => {
    expect(blocks('```\nopen')).toEqual([
      { kind: 'lines', spans: [{ kind: 'text', text: '```\nopen' }] },
    ]);
  });

  it('read the longest message in one go, whatever is in it', () => {
    const most = 16 * 1024;
    for (const piece of ['`', '**', '_a', '*a', '```\n', 'https://', '(((', '👍', '\n']) {
      expect(() => blocks(piece.repeat(most / piece.length))).not.toThrow();
    }
  });
});

describe('a text made to be slow', () => {
  // Far longer than a message may be: what takes the square of it would not end today.
  const LONG = 2_000_000;
  const cases: [string, string][] = [
    ['an address with a tail of brackets', `http://a${')'.repeat(LONG)}`],
    ['an address with a tail of signs and brackets', `http://a${'.)'.repeat(LONG / 2)}`],
    ['an address of opening brackets', `http://a${'('.repeat(LONG)}`],
    ['spaces that end in a word', `a${' '.repeat(LONG)}b`],
    ['lines that end in a word', `a${'\n'.repeat(LONG)}b`],
    ['lines that begin with fences', '```\n'.repeat(LONG / 4)],
    ['fences with a language', '```a\n'.repeat(LONG / 5)],
    ['code that nobody closed', `\`${'a'.repeat(LONG)}`],
    ['code that nobody closed, on each line', '`a\n'.repeat(LONG / 3)],
    ['bold that nobody closed', '**a '.repeat(LONG / 4)],
    ['bold that cannot close', `**${'a '.repeat(LONG / 2)}`],
    ['italic that nobody closed', ' _a'.repeat(LONG / 3)],
    ['italic that cannot close', ` *${' a'.repeat(LONG / 2)} *`],
    ['addresses that are none', 'https://'.repeat(LONG / 8)],
    ['letters and stars', 'a*'.repeat(LONG / 2)],
  ];
  for (const [name, text] of cases) {
    it(`is read in one go: ${name}`, () => {
      const last = blocks(`${text}\nend`).at(-1);
      const end = last?.kind === 'lines' ? last.spans.at(-1)?.text : last?.text;
      expect(end?.slice(-4)).toMatch(/end$/);
    });
  }
});

describe('a text made of very many parts', () => {
  const parts = (text: string) =>
    blocks(text)
      .flatMap((block) => (block.kind === 'code' ? [block] : block.spans))
      .filter(({ kind }) => kind !== 'text').length;

  it('has only as many elements as a page can bear, and is shown whole', () => {
    for (const piece of ['`a` ', '**b** ', '_c_ ', 'http://d ', '```\ne\n```\n', '```\nf\n```\n`g`\n']) {
      const text = piece.repeat(3_000);
      expect([500, 501], piece).toContain(parts(text));
      const last = blocks(text).at(-1);
      expect(last?.kind, piece).toBe('lines');
      const end = last?.kind === 'lines' ? last.spans.at(-1) : undefined;
      expect(end?.kind, piece).toBe('text');
      expect(end?.text.endsWith(piece.trimEnd()), piece).toBe(true);
    }
  });

  it('is otherwise as it was', () => {
    expect(parts('`a` '.repeat(100))).toBe(100);
  });
});

describe('emoji alone', () => {
  it('are shown large, up to three of them', () => {
    for (const text of ['🚀', '👍🏽', '❤️', '👩‍👩‍👧', '🇩🇪', '🎉 🎉 🎉']) expect(isEmojiOnly(text)).toBe(true);
    for (const text of ['', 'a', '🎉 yes', '🎉🎉🎉🎉', '1']) expect(isEmojiOnly(text)).toBe(false);
  });
});
