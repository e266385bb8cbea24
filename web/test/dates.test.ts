import { expect, it } from 'vitest';
import { briefTime, dayName, dayOf } from '../src/state/dates.ts';

const now = new Date(2026, 10, 20, 12).getTime();
const ago = (days: number) => new Date(2026, 10, 20 - days, 23, 30).getTime();

it('days end at midnight here, not after 24 hours', () => {
  const evening = new Date(2026, 10, 19, 23, 59).getTime();
  const night = new Date(2026, 10, 20, 0, 1).getTime();
  expect(dayOf(night) - dayOf(evening)).toBe(1);
  expect(dayOf(ago(0))).toBe(dayOf(now));
});

it('near days have names, far days have dates', () => {
  const names = [0, 1, 2, 6, 7, 400].map((days) => dayName(ago(days), now));
  expect(new Set(names).size).toBe(names.length);
  expect(names[0]).toMatch(/^\p{Lu}/u);
  expect(names[5]).toContain('2025');
  expect(names[4]).not.toContain('2026');
});

it('the list tells a time today and less the longer ago', () => {
  expect(briefTime(ago(0), now)).toMatch(/\d/);
  expect(briefTime(ago(3), now)).not.toMatch(/\d/);
  expect(briefTime(ago(30), now)).toMatch(/\d/);
});
