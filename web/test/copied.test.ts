import { expect, it } from 'vitest';
import { copied } from '../src/features/timeline/copied.ts';
import type { Shown } from '../src/state/arrange.ts';

it('several messages are copied with their authors and times', () => {
  const row = (actor: Shown['actor'], text: string | null) => ({ at: Date.UTC(2026, 10, 20, 12), actor, text }) as Shown;
  const names: Record<string, string> = { user_ada: 'Ada', user_bob: 'Bob' };
  const text = copied([row('user_ada', 'one\ntwo'), row('user_bob', null)], (user) => names[user] ?? '');
  expect(text).toMatch(/^\[.*2026.*\d.*\] Ada: one\ntwo\n\[.*2026.*\] Bob: Message deleted$/);
});
