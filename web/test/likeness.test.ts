import { describe, expect, it } from 'vitest';
import { alike, likeness } from '../src/state/likeness.ts';

describe('two names that a reader takes for one', () => {
  const pairs: [string, string][] = [
    ['Ada Lovelace', 'ada lovelace'],
    ['Ada Lovelace', 'Ada  Lovelace '],
    ['Ada Lovelace', 'AdaLovelace'],
    ['Ada', 'Аdа'], // Cyrillic А, а
    ['Ben', 'Вen'], // Cyrillic В
    ['HANNAH', 'НАNNАН'], // Cyrillic Н, А
    ['Anna', 'Αnna'], // Greek Α
    ['Ilse', 'llse'],
    ['Ilse', '1lse'],
    ['Otto', '0tt0'],
    ['Marnie', 'Mamie'],
    ['André', 'Andre\u0301'],
    ['André', 'Andre'],
    ['Ada', 'A\u200Bd\u200Da'],
    ['Ada', 'ａｄａ'],
    ['Mary-Jane', 'Mary Jane'],
  ];
  for (const [one, other] of pairs) {
    it(`${one} and ${other}`, () => expect(likeness(one)).toBe(likeness(other)));
  }
});

describe('two names that nobody confuses', () => {
  const pairs: [string, string][] = [
    ['Ada', 'Ida'],
    ['Ben', 'Bea'],
    ['Анна', 'Инна'],
    ['美咲', '美紀'],
    ['ليلى', 'ليلا'],
  ];
  for (const [one, other] of pairs) {
    it(`${one} and ${other}`, () => expect(likeness(one)).not.toBe(likeness(other)));
  }
});

it('names the forms that stand more than once', () => {
  expect(alike(['Ada', 'Ben', 'ada ', 'Cleo'])).toEqual(new Set([likeness('Ada')]));
  expect(alike(['Ada', 'Ben'])).toEqual(new Set());
});
