/** Which kinds of events are in which logs. The schemas do not say it, so it stands here. `[EV7]` */

import type { Content } from './generated/types.ts';

/** The kinds of user logs. */
export type UserContent = Extract<
  Content,
  {
    kind: 'user_created' | 'password_changed' | 'device_added' | 'device_removed' | 'marker_moved';
  }
>;

/** The kinds of room logs. */
export type RoomContent = Exclude<Content, UserContent>;
