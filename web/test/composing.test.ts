import { describe, expect, it } from 'vitest';
import {
  begin,
  cancel,
  loaded,
  NOTHING,
  putBack,
  shown,
  submit,
  tooLongBy,
  typed,
  type Composing,
  type Deed,
} from '../src/state/composing.ts';

type Step =
  | ['types', string]
  | ['edits' | 'rewrites', string, string]
  | ['cancels']
  | ['submits']
  | ['loads', Composing | null];

/** Plays the steps; gives what was done, and what is in the box at the end. */
function play(steps: Step[]): { deeds: Deed[]; box: string; composing: Composing } {
  let composing = NOTHING;
  const deeds: Deed[] = [];
  for (const step of steps) {
    if (step[0] === 'types') composing = typed(composing, step[1]);
    else if (step[0] === 'edits') composing = begin(composing, 'edit', step[1], step[2]);
    else if (step[0] === 'rewrites') composing = begin(composing, 'rewrite', step[1], step[2]);
    else if (step[0] === 'cancels') composing = cancel(composing);
    else if (step[0] === 'loads') composing = loaded(composing, step[1]);
    else {
      const { next, deed } = submit(composing);
      composing = next;
      if (deed) deeds.push(deed);
    }
  }
  return { deeds, box: shown(composing), composing };
}

const EDIT = { kind: 'edit', id: 'evt_1', was: 'old', text: 'old, half' } as const;

const TABLE: { name: string; steps: Step[]; deeds: Deed[]; box: string; draft?: string }[] = [
  {
    name: 'a message is sent, and the box is empty',
    steps: [['types', 'hi'], ['submits']],
    deeds: [{ do: 'send', text: 'hi' }],
    box: '',
  },
  { name: 'spaces alone are nothing, and go', steps: [['types', ' \n '], ['submits']], deeds: [], box: '' },
  {
    name: 'an edit shows the old text, and the draft waits behind it',
    steps: [['types', 'draft'], ['edits', 'evt_1', 'old']],
    deeds: [],
    box: 'old',
    draft: 'draft',
  },
  {
    name: 'a half edit is never a message, however often one submits',
    steps: [['types', 'draft'], ['edits', 'evt_1', 'old'], ['types', 'new'], ['submits'], ['submits'], ['submits']],
    deeds: [
      { do: 'edit', id: 'evt_1', text: 'new' },
      { do: 'send', text: 'draft' },
    ],
    box: '',
  },
  {
    name: 'an edit that is given up brings the draft back',
    steps: [['types', 'draft'], ['edits', 'evt_1', 'old'], ['types', 'half'], ['cancels']],
    deeds: [],
    box: 'draft',
  },
  {
    name: 'an edit that changed nothing is nothing',
    steps: [['edits', 'evt_1', 'old'], ['submits']],
    deeds: [],
    box: '',
  },
  {
    name: 'an edit without text waits for some',
    steps: [['edits', 'evt_1', 'old'], ['types', '  '], ['submits'], ['types', 'new'], ['submits']],
    deeds: [{ do: 'edit', id: 'evt_1', text: 'new' }],
    box: '',
  },
  {
    name: 'the same edit asked for twice goes on',
    steps: [['edits', 'evt_1', 'old'], ['types', 'half'], ['edits', 'evt_1', 'old']],
    deeds: [],
    box: 'half',
  },
  {
    name: 'another edit takes its place, and the draft still waits',
    steps: [['types', 'draft'], ['edits', 'evt_1', 'old'], ['types', 'half'], ['edits', 'evt_2', 'other'], ['cancels']],
    deeds: [],
    box: 'draft',
  },
  {
    name: 'a message that was not sent is written anew, unchanged too',
    steps: [['types', 'draft'], ['rewrites', 'txn', 'lost'], ['submits']],
    deeds: [{ do: 'rewrite', id: 'txn', text: 'lost' }],
    box: 'draft',
  },
  {
    name: 'given up, it stays as it was',
    steps: [['rewrites', 'txn', 'lost'], ['types', 'half'], ['cancels']],
    deeds: [],
    box: '',
  },
  {
    name: 'what was stored comes in',
    steps: [['loads', { draft: 'stored', change: null }]],
    deeds: [],
    box: 'stored',
  },
  {
    name: 'the first keys were faster than the disk',
    steps: [['types', 'new'], ['loads', { draft: 'stored', change: null }]],
    deeds: [],
    box: 'stored\nnew',
  },
  {
    name: 'a stored edit is an edit again',
    steps: [['loads', { draft: 'draft', change: EDIT }], ['submits'], ['submits']],
    deeds: [
      { do: 'edit', id: 'evt_1', text: 'old, half' },
      { do: 'send', text: 'draft' },
    ],
    box: '',
  },
  {
    name: 'an edit begun before the disk answered wins',
    steps: [['edits', 'evt_2', 'other'], ['loads', { draft: 'draft', change: EDIT }], ['cancels']],
    deeds: [],
    box: 'draft',
  },
  { name: 'nothing was stored', steps: [['types', 'new'], ['loads', null]], deeds: [], box: 'new' },
];

describe('composing', () => {
  it.each(TABLE)('$name', ({ steps, deeds, box, draft }) => {
    const played = play(steps);
    expect(played.deeds).toEqual(deeds);
    expect(played.box).toBe(box);
    if (draft !== undefined) expect(played.composing.draft).toBe(draft);
  });

  it('what could not be done comes back before what was written since', () => {
    expect(putBack({ draft: 'later', change: null }, 'early').draft).toBe('early\nlater');
    expect(putBack(NOTHING, 'early').draft).toBe('early');
  });
});

describe('a text that is too long', () => {
  it.each([
    ['', 10, 0],
    ['1234567890', 10, 0],
    ['12345678901', 10, 1],
    ['äääää', 10, 0],
    ['ääääää', 10, 1],
    ['👍👍👍', 10, 1],
    ['👍👍👍', 3, 3],
    ['a'.repeat(16_384) + '美美', 16_384, 2],
  ])('%s within %i', (text, most, over) => {
    expect(tooLongBy(text, most)).toBe(over);
  });
});
