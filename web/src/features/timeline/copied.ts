/** Several messages as text: who said what, and when, as one would quote it elsewhere. */

import type { Shown } from '../../state/arrange.ts';
import { stampTime } from '../../state/dates.ts';

/** `nameOf` gives the name of an author, one's own too. */
export function copied(messages: readonly Shown[], nameOf: (user: Shown['actor']) => string): string {
  return messages
    .map(({ at, actor, text }) => `[${stampTime(at)}] ${nameOf(actor)}: ${text ?? 'Message deleted'}`)
    .join('\n');
}
