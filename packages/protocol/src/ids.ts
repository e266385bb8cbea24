/** Telling ids apart by their prefix. Compare them as text. `[ID1]` */

import type { LogId, RoomId } from './generated/types.ts';

/** Whether a log is a room's. */
export function isRoomId(log: LogId): log is RoomId {
  return log.startsWith('room_');
}
