/** Commands over REST, answered by the frames that the socket would have answered with. `[CM2]` */

import type { Command, Event, Refusal, ServerFrame } from '@tidings/protocol';
import { RefusalError, type Rest } from '../rest.ts';

/** Sends one command. Never throws: what is not known is refused as `unavailable`. `[CM7]` */
export async function command(rest: Rest, frame: Command): Promise<ServerFrame> {
  try {
    const event = await call(rest, frame);
    // The stream brings it in its place. [CM9]
    if (event) return { ...event, type: 'event', txn: frame.txn, answer: true };
    return { type: 'unchanged', txn: frame.txn, log: 'room' in frame ? frame.room : 'room_' };
  } catch (error) {
    return { type: 'refused', txn: frame.txn, refusal: refusalOf(error) };
  }
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof RefusalError) return error.refusal;
  return { code: 'unavailable', message: 'The server cannot be reached.' };
}

async function call(rest: Rest, frame: Command): Promise<Event | null> {
  switch (frame.type) {
    case 'send':
      return rest.send(frame.room, frame.txn, frame.content.text);
    case 'edit':
      return rest.edit(frame.room, frame.txn, frame.message, frame.content.text);
    case 'delete':
      return rest.delete(frame.room, frame.txn, frame.message);
    case 'react':
    case 'unreact':
      return rest.react(frame.room, frame.txn, frame.message, frame.emoji, frame.type === 'react');
    case 'mark':
      // The marker itself comes back by the own user log.
      await rest.mark(frame.room, frame.seq);
      return null;
    case 'create_room': {
      const { type: _type, ...body } = frame;
      await rest.createRoom(body);
      return null;
    }
    case 'rename':
      await rest.renameRoom(frame.room, frame.name);
      return null;
    case 'join':
      await rest.join(frame.room, frame.user);
      return null;
    case 'leave':
      await rest.leave(frame.room, frame.user);
      return null;
    case 'set_role':
      await rest.setRole(frame.room, frame.user, frame.role);
      return null;
  }
}
