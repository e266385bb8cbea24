/**
 * What one tells of oneself while it is so: that one types, whether one looks, and whose presence is
 * on screen. It owns what was told last, so that nothing is told twice and a new session hears it
 * anew; it never waits for an answer, since none comes.
 */

import { WATCHED_USERS_MAX, type Presence, type RoomId, type UserId } from '@tidings/protocol';
import type { Session } from './session.ts';
import type { Store } from './store.ts';
import { TYPING_RENEW_MS } from './typing.ts';

export class Signals {
  private readonly session: Session;
  private readonly store: Store;
  private presence: Presence = 'online';
  private watched: UserId[] = [];
  private typed: { room: RoomId; at: number } | null = null;

  constructor(session: Session, store: Store) {
    this.session = session;
    this.store = store;
  }

  /** Each of these gives whether there is something to be sent. */
  typing(now: number, room: RoomId, on: boolean): boolean {
    const told = this.typed?.room === room ? this.typed.at : null;
    if (on ? told !== null && now - told < TYPING_RENEW_MS : told === null) return false;
    this.typed = on ? { room, at: now } : null;
    this.session.send({ type: 'typing', room, on });
    return true;
  }

  setPresence(presence: Presence): boolean {
    if (presence === this.presence) return false;
    this.presence = presence;
    this.session.send({ type: 'presence', status: presence });
    return true;
  }

  watch(users: readonly UserId[]): boolean {
    const list = [...new Set(users)].sort().slice(0, WATCHED_USERS_MAX);
    if (list.join() === this.watched.join()) return false;
    this.watched = list;
    this.store.keepPresences(list);
    this.session.send({ type: 'watch', users: list });
    return true;
  }

  /** A session that knows nothing of it yet. */
  welcomed(): void {
    this.session.send({ type: 'presence', status: this.presence });
    if (this.watched.length) this.session.send({ type: 'watch', users: this.watched });
  }

  /** Typing ends with the session that it was told to. */
  disconnected(): void {
    this.typed = null;
  }
}
