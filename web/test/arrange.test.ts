import { describe, expect, it } from 'vitest';
import { arrange, keyOf, type Item, type Shown } from '../src/state/arrange.ts';

let seqs = 0;

function message(at: string, more: Partial<Shown> = {}): Shown {
  const seq = ++seqs;
  return {
    kind: 'message',
    key: `evt_${seq}`,
    id: `evt_${seq}`,
    seq,
    actor: 'user_bob',
    own: false,
    at: new Date(at).getTime(),
    count: seq,
    text: 'hi',
    edited: false,
    reactions: undefined,
    first: true,
    last: true,
    pending: null,
    failed: null,
    ...more,
  };
}

/** "day", "new", or the seq of a message; a group is joined by "+". */
function told(items: Item[], base: number): string {
  return items
    .map((item) => (item.kind === 'message' ? `${item.first ? '' : '+'}${(item.seq ?? 0) - base}` : item.kind))
    .join(' ');
}

const TABLE: [name: string, times: string[], told: string][] = [
  ['one day', ['2026-11-20T10:00', '2026-11-20T10:01', '2026-11-20T11:00'], 'day 1 +2 3'],
  ['two days', ['2026-11-20T10:00', '2026-11-21T10:00'], 'day 1 day 2'],
  [
    'clocks that differ over midnight: each once, in the order of the log, under one day',
    ['2026-11-21T00:00:00.006', '2026-11-20T23:59:59.942', '2026-11-21T00:00:00.902'],
    'day 1 +2 +3',
  ],
  [
    'a clock that was a month ahead for a while',
    ['2026-11-20T10:00', '2026-12-20T10:00', '2026-11-20T10:01', '2026-11-21T09:00'],
    'day 1 day 2 day 3 day 4',
  ],
  ['a clock set back by an hour within a day', ['2026-11-20T10:30', '2026-11-20T09:30'], 'day 1 2'],
  ['a time that is none', ['2026-11-20T10:00', 'never', 'never', '2026-11-20T10:01'], 'day 1 day 2 day 3 day 4'],
];

describe('[ID4] a timeline whose times run as they like', () => {
  it.each(TABLE)('%s', (_name, times, wanted) => {
    const base = seqs;
    const items = arrange(times.map((time) => message(time)), null);
    expect(told(items, base)).toBe(wanted);
    expect(new Set(items.map(({ key }) => key)).size).toBe(items.length);
  });

  it('any times at all: all messages once, in order, and no key twice', () => {
    let state = 7;
    const roll = (most: number) => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) % most;
    for (let round = 0; round < 200; round++) {
      const start = Date.parse('2026-11-20T23:59:00.000');
      const rows = Array.from({ length: 40 }, () => {
        const at = new Date(start + roll(120_000) + (roll(9) === 0 ? (roll(60) - 30) * 86_400_000 : 0));
        return message(at.toISOString());
      });
      const items = arrange(rows, rows[20]?.seq ?? null);
      expect(new Set(items.map(({ key }) => key)).size).toBe(items.length);
      expect(items.filter(({ kind }) => kind === 'message')).toEqual(rows);
      expect(items.filter(({ kind }) => kind === 'new')).toHaveLength(1);
    }
  });

  it('a row that is there twice is shown once, and no txn looks like another key', () => {
    const row = message('2026-11-20T10:00');
    expect(arrange([row, row], null).filter(({ kind }) => kind === 'message')).toHaveLength(1);
    for (const txn of ['new', 'day', 'evt_1', 'day-20777']) expect(keyOf(txn, 'evt_2')).toContain(' ');
    expect(keyOf(undefined, 'evt_2')).toBe('evt_2');
  });

  it('the line stands above the first that is new and not one’s own', () => {
    const base = seqs;
    const rows = [message('2026-11-20T10:00'), message('2026-11-20T10:01', { own: true }), message('2026-11-20T10:02')];
    expect(told(arrange(rows, base + 2), base)).toBe('day 1 +2 new 3');
  });
});
