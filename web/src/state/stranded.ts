/** What was written for rooms that one is not in any more: nothing of it vanishes without a word. */

import type { RoomId, TxnId } from '@tidings/protocol';
import { client } from './account.svelte.ts';
import { isolate } from '../ui/isolate.ts';
import { hear } from './hear.ts';
import { calledOf } from './people.ts';

export interface Stranded {
  room: RoomId;
  /** What happened, in a sentence. */
  why: string;
  rows: { txn: TxnId; text: string }[];
}

/** By room, in the order of writing. */
export function stranded(): Stranded[] {
  const { store, outbox } = client();
  hear(client(), 'stranded');
  hear(client(), 'rooms');
  const rooms = new Map<RoomId, Stranded>();
  for (const { txn, room, gone, command } of outbox.all()) {
    if (!gone || store.room(room)?.role || !('content' in command)) continue;
    const name = gone.name === null ? 'a room' : isolate(gone.name);
    let why = `You are not in ${name} any more.`;
    if (gone.by === store.me?.id) why = `You left ${name}.`;
    else if (gone.by) why = `${calledOf(gone.by)} removed you from ${name}.`;
    const found = rooms.get(room) ?? { room, why, rows: [] };
    found.rows.push({ txn, text: command.content.text });
    rooms.set(room, found);
  }
  return [...rooms.values()];
}

export function discard({ rows }: Stranded): void {
  for (const { txn } of rows) client().discard(txn);
}
