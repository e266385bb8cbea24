import { describe, expect, it } from 'vitest';
import { problemsOf, refusedFields, type Problems } from '../src/features/auth/rules.ts';

const GOOD = { displayName: 'Ada', username: 'ada', password: 'correct horse battery' };

describe('what a new account has to be', () => {
  const cases: [Partial<typeof GOOD>, keyof Problems | null][] = [
    [{}, null],
    [{ username: ' Ada.L_0-9 ' }, null],
    [{ username: 'ädä' }, 'username'],
    [{ username: 'ada lovelace' }, 'username'],
    [{ username: '@ada' }, 'username'],
    [{ username: '.ada' }, 'username'],
    [{ username: 'a' }, 'username'],
    [{ username: '' }, 'username'],
    [{ username: 'a'.repeat(33) }, 'username'],
    [{ password: 'seven77' }, 'password'],
    [{ password: '' }, 'password'],
    [{ password: 'пароли' }, 'password'],
    [{ password: 'пароль-8' }, null],
    [{ password: '👍'.repeat(7) }, 'password'],
    [{ password: 'a'.repeat(513) }, 'password'],
    [{ password: '12345678' }, 'password'],
    [{ password: 'Password' }, 'password'],
    [{ password: 'zzzzzzzzzz' }, 'password'],
    [{ username: 'ada-lovelace', password: 'Ada-Lovelace' }, 'password'],
    [{ displayName: 'Ada Lovelace', password: 'ada lovelace' }, 'password'],
    [{ displayName: 'é'.repeat(61) }, 'displayName'],
    [{ displayName: 'Ada\u202e' }, 'displayName'],
    [{ displayName: 'ليلى الحسن' }, null],
    [{ displayName: '' }, null],
  ];
  for (const [texts, field] of cases) {
    it(JSON.stringify(texts).slice(0, 60), () => {
      expect(Object.keys(problemsOf({ ...GOOD, ...texts }))).toEqual(field ? [field] : []);
    });
  }

  it('says at once what more letters cannot mend, and waits with the rest', () => {
    expect(problemsOf({ ...GOOD, username: 'ä' }, 'username').username).toBe(
      '“ä” cannot stand in a username. Use a to z, digits, dot, hyphen and underscore.',
    );
    expect(problemsOf({ ...GOOD, username: 'a' }, 'username')).toEqual({});
    expect(problemsOf({ ...GOOD, username: '' }, 'username')).toEqual({});
    expect(problemsOf({ ...GOOD, password: 'seven77' }, 'password')).toEqual({});
    expect(problemsOf({ ...GOOD, password: 'seven77' }).password).toMatch(/^1 more/);
  });
});

describe('what the server refused', () => {
  const cases: [string, string[], (keyof Problems)[]][] = [
    ['username_taken', [], ['username']],
    ['username_reserved', ['/username'], ['username']],
    ['weak_password', ['/password'], ['password']],
    ['bad_request', ['/username'], ['username']],
    ['bad_request', ['/password', '/display_name'], ['password', 'displayName']],
    ['bad_request', ['/device_name'], []],
    ['bad_request', [], []],
    ['rate_limited', [], []],
  ];
  for (const [code, pointers, fields] of cases) {
    it(`${code} ${pointers}`, () => expect(Object.keys(refusedFields(code, pointers))).toEqual(fields));
  }
});
