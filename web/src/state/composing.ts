/**
 * What is being written in one room, as one state machine: the draft of the next message, and at
 * most one change of what was written before (an edit of a message, a rewrite of one that was
 * not sent). Pure. It owns one rule: what changes a message never becomes one of its own.
 * It is kept by room in composer.svelte.ts.
 */

import type { Draft } from '@tidings/client';

export type Composing = Draft;
/** Of a message, or of a row of the outbox; `was` is its text before. */
export type Change = NonNullable<Draft['change']>;

/** What comes of sending. */
export type Deed =
  | { do: 'send'; text: string }
  | { do: 'edit'; id: string; text: string }
  | { do: 'rewrite'; id: string; text: string };

export const NOTHING: Composing = { draft: '', change: null };

/** The text in the box. */
export function shown({ draft, change }: Composing): string {
  return change ? change.text : draft;
}

/** The box holds this text now. */
export function typed(composing: Composing, text: string): Composing {
  const { change } = composing;
  return change ? { ...composing, change: { ...change, text } } : { ...composing, draft: text };
}

/** A change begins; the draft waits. What is being changed already goes on as it is. */
export function begin(composing: Composing, kind: Change['kind'], id: string, was: string): Composing {
  if (composing.change?.kind === kind && composing.change.id === id) return composing;
  return { ...composing, change: { kind, id, was, text: was } };
}

/** The change is given up; what it was to change stays as it was. */
export function cancel(composing: Composing): Composing {
  return { ...composing, change: null };
}

/** What Enter does, and what is left in the box. A change without text does nothing. */
export function submit(composing: Composing): { next: Composing; deed: Deed | null } {
  const { draft, change } = composing;
  if (!change) {
    const deed: Deed | null = isBlank(draft) ? null : { do: 'send', text: draft };
    return { next: NOTHING, deed };
  }
  const { kind, id, was, text } = change;
  if (isBlank(text)) return { next: composing, deed: null };
  const same = kind === 'edit' && text === was;
  return { next: cancel(composing), deed: same ? null : { do: kind, id, text } };
}

/** What was stored comes in, maybe after the first keys: nothing of either is lost. */
export function loaded(composing: Composing, stored: Composing | null): Composing {
  if (!stored) return composing;
  const both = [stored.draft, composing.draft].filter(Boolean).join('\n');
  return { draft: both, change: composing.change ?? stored.change };
}

/** What could not be done is put back, before what has been written since. */
export function putBack(composing: Composing, text: string): Composing {
  return { ...composing, draft: [text, composing.draft].filter(Boolean).join('\n') };
}

/** What local storage held; null for what is no such thing. */
export function parse(text: string): Composing | null {
  try {
    const { draft, change } = JSON.parse(text) as Composing;
    return typeof draft === 'string' ? { draft, change } : null;
  } catch {
    return null;
  }
}

export function isBlank(text: string): boolean {
  return text.trim() === '';
}

const encoder = new TextEncoder();

/** By how many characters, from its end, a text is longer than these bytes. */
export function tooLongBy(text: string, bytesMax: number): number {
  // No character takes more than three bytes a unit: most texts need no counting.
  if (text.length * 3 <= bytesMax) return 0;
  let over = encoder.encode(text).length - bytesMax;
  if (over <= 0) return 0;
  let count = 0;
  for (const character of [...text].reverse()) {
    over -= encoder.encode(character).length;
    count += 1;
    if (over <= 0) break;
  }
  return count;
}
