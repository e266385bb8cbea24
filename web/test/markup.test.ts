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

describe('emoji alone', () => {
  it('are shown large, up to three of them', () => {
    for (const text of ['🚀', '👍🏽', '❤️', '👩‍👩‍👧', '🇩🇪', '🎉 🎉 🎉']) expect(isEmojiOnly(text)).toBe(true);
    for (const text of ['', 'a', '🎉 yes', '🎉🎉🎉🎉', '1']) expect(isEmojiOnly(text)).toBe(false);
  });
});
