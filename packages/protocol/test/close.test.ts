import { expect, it } from 'vitest';
import { CLOSE, COME_BACK, comeBack } from '../src/index.ts';

it('[CL1] ranges of close codes say when to come back', () => {
  expect(comeBack(CLOSE.restarting)).toBe('now');
  expect(comeBack(CLOSE.rate_limited)).toBe('later');
  expect(comeBack(CLOSE.device_removed)).toBe('never');
});

it('[CL1] a client and the server agree on every code', () => {
  const codes = Object.keys(COME_BACK).map(Number);
  expect(codes).toEqual(expect.arrayContaining([1000, 1006, 1015, 4000, 4199, 4299]));
  for (const code of codes) expect([code, comeBack(code)]).toEqual([code, COME_BACK[code]]);
});
