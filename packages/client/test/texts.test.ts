import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { qualified } from '../src/emoji.ts';
import { endWithout, lastLine } from '../src/last-line.ts';

function vectors<T>(name: string): T {
  const file = new URL(`../../../spec/vectors/texts/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8')) as T;
}

describe('[LI2] one emoji has one form', () => {
  const { same, refused } = vectors<{
    same: { name: string; given: string[]; kept: string }[];
    refused: string[];
  }>('emoji');

  it.each(same)('$name', ({ given, kept }) => {
    for (const text of [...given, kept]) expect(qualified(text)).toBe(kept);
  });

  it('refuses what is not exactly one', () => {
    for (const text of refused) expect(qualified(text), JSON.stringify(text)).toBeNull();
  });
});

describe('[LI4] the last line', () => {
  const { rows } = vectors<{ rows: { name: string; text: string; line: string }[] }>('last-line');

  it.each(rows)('$name', ({ text, line }) => {
    expect(lastLine(text)).toBe(line);
  });

  it('is cut as well without a segmenter', () => {
    for (const { name, text, line } of rows) {
      if (line === text || name === 'above the first plane') continue;
      const limit = [...text].slice(0, 140).join('').length;
      const end = endWithout(text, limit);
      expect(text.slice(0, end === 0 ? limit : end), name).toBe(line);
    }
  });
});
