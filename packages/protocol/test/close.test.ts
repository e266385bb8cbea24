import { expect, it } from 'vitest';
import { CLOSE, comeBack } from '../src/index.ts';

it('[CL1] ranges of close codes say when to come back', () => {
  expect(comeBack(CLOSE.restarting)).toBe('now');
  expect(comeBack(4099)).toBe('now');
  expect(comeBack(CLOSE.rate_limited)).toBe('later');
  expect(comeBack(4199)).toBe('later');
  for (const code of [CLOSE.unauthenticated, CLOSE.device_removed, CLOSE.hello_expected, 4299]) {
    expect(comeBack(code)).toBe('never');
  }
  // What a lost network, a restart or a proxy says.
  for (const code of [1000, 1001, 1005, 1006, 1012]) expect(comeBack(code)).toBe('now');
  for (const code of [1011, 1013, 1014]) expect(comeBack(code)).toBe('later');
  for (const code of [1002, 1007, 1008, 1009]) expect(comeBack(code)).toBe('never');
});
