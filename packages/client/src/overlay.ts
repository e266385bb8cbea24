/** A message as its reader should see it: confirmed state with what waits in the outbox on top. */

import type { Message, UserId } from '@tidings/protocol';
import { react, unreact } from './fold.ts';
import type { OutboxRow } from './outbox.ts';

/** The message after the rows about it; the same object when there are none. */
export function overlay(message: Message, rows: readonly OutboxRow[], me: UserId): Message {
  let seen = message;
  for (const { command, state } of rows) {
    if (state === 'failed' || command.type === 'send' || command.message !== message.id) continue;
    if (seen.text === null) break;
    switch (command.type) {
      case 'edit':
        seen = { ...seen, text: command.content.text, edited: seen.edited ?? seen.seq };
        break;
      case 'delete':
        seen = { ...seen, text: null, reactions: [] };
        break;
      case 'react':
        seen = { ...seen, reactions: react(seen.reactions, command.emoji, me) };
        break;
      case 'unreact':
        seen = { ...seen, reactions: unreact(seen.reactions, command.emoji, me) ?? [] };
        break;
    }
  }
  return seen;
}
