import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { inWords } from '../src/state/refusals.ts';

/** Codes whose sentences the server writes for people; every other gets words of the page. */
const FOR_PEOPLE = [
  ...['unauthenticated', 'wrong_credentials', 'wrong_password', 'weak_password', 'forbidden', 'not_found'],
  ...['username_taken', 'username_reserved', 'name_taken', 'direct_room', 'last_owner', 'message_deleted'],
  ...['limit_reached'],
];

const types = readFileSync(new URL('../../packages/protocol/src/generated/types.ts', import.meta.url), 'utf8');
const listed = /export type RefusalCode =([^;]*);/.exec(types)?.[1] ?? '';
const codes = [...listed.matchAll(/'(\w+)'/g)].map(([, code = '']) => code);

it('no word of a parser, of HTTP or of a client\'s author reaches a person', () => {
  expect(codes.length).toBeGreaterThan(10);
  const message = 'The body does not fit: expected a map at line 1 column 19.';
  for (const code of [...codes, 'bad_frame']) {
    if (!FOR_PEOPLE.includes(code)) expect(inWords({ code, message }), code).not.toContain(message);
  }
  expect(inWords({ code: 'forbidden', message: 'Ask an owner.' })).toBe('Ask an owner.');
  expect(inWords({ code: 'rate_limited', message, retry_after_ms: 4_200 })).toContain('5 s');
});
