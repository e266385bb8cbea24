/**
 * Ids as they stand on the wire: a prefix, an underscore, 26 characters of base32. `[ID1]`
 * Compare them as text. A message is known by the id of the event that created it. `[ID2]`
 */

export type RoomId = `room_${string}`;
export type UserId = `user_${string}`;
export type EventId = `evt_${string}`;
export type DeviceId = `device_${string}`;

/** Which log an event is in: a room's, or one user's own. */
export type LogId = RoomId | UserId;

/** The client's id for one command: 1 to 64 printable ASCII characters. `[CM1]` */
export type TxnId = string;

/** The place in one log, from 1 without gaps; 0 is before the first. `[ID3]` */
export type Seq = number;

/** From where to resume; opaque. `[CU1]` */
export type Cursor = string;

/** RFC 3339 in UTC with milliseconds. It informs; the order is `seq`. `[ID4]` */
export type Timestamp = string;

/** Whether a log is a room's. */
export function isRoomId(log: string): log is RoomId {
  return log.startsWith('room_');
}
