/** The event: a thin permanent envelope and an erasable body. `[EV1]` */

import type { Content } from './content.ts';
import type { EventId, LogId, Seq, Timestamp, TxnId, UserId } from './ids.ts';

export interface Event {
  shard: number;
  /** The place in the shard. */
  position: number;
  /** A room's id, or a user's for what concerns that user alone. */
  log: LogId;
  /** The place in the log, from 1, without gaps. */
  seq: Seq;
  /** For a message also the message's. */
  id: EventId;
  at: Timestamp;
  actor: UserId;
  /** How many messages the log holds up to and including this event. `[EV6]` */
  count: number;
  /** Only on copies for the actor's own devices. `[EV4]` */
  txn?: TxnId;
  /** It is told as the answer to a command, out of its place: it moves no `seq` and no cursor. `[CM9]` */
  answer?: boolean;
  /** Null once erased. `[EV2]` */
  content: Content | null;
}
