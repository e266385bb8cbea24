/**
 * All confirmed state of one account, normalized: rooms, timelines, users, signals. It changes only
 * by events, summaries and pages; views are derived from it and hear of changes by topic.
 * What the user did and nobody confirmed stands in the outbox, never here.
 */

import {
  isRoomId,
  type Event,
  type MemberInfo,
  type Message,
  type Messages,
  type Presence,
  type Role,
  type RoomId,
  type RoomSummary,
  type ServerFrame,
  type UserId,
  type UserProfile,
  type Welcome,
  type WireLimits,
} from '@tidings/protocol';
import { byLastMove, byTime, follow, hasMoved, mark, move, newer, read, type HeldRoom } from './rooms.ts';
import type { Gone } from './outbox.ts';
import type { ConnectionState } from './session.ts';
import { Timeline } from './timeline.ts';
import { Topics } from './topics.ts';
import { Typing } from './typing.ts';
import { Users } from './users.ts';

/** Timelines held in memory; those not used for longest go first. */
const TIMELINES_MAX = 12;

/** What has to be stored, by id. */
export interface Dirty {
  rooms: Set<RoomId>;
  left: Set<RoomId>;
  users: Set<UserId>;
  tails: Set<RoomId>;
}

export class Store {
  readonly topics = new Topics();
  readonly users = new Users();
  readonly typing = new Typing();
  me: UserProfile | null = null;
  limits: WireLimits | null = null;
  connection: ConnectionState = {
    phase: 'idle',
    transport: null,
    retryAt: null,
    attempt: 0,
    endedBy: null,
  };
  private readonly summaries = new Map<RoomId, HeldRoom>();
  /** The list of rooms, until one of them changes. */
  private sorted: readonly HeldRoom[] | null = null;
  /** How often a room has moved, as far as is known. */
  private moves = 0;
  private readonly timelines = new Map<RoomId, Timeline>();
  private readonly members = new Map<RoomId, Map<UserId, Role>>();
  private readonly presences = new Map<UserId, Presence>();
  /** How many members of an open room are online or away, with oneself, as far as it was told. `[SG5]` */
  private readonly counts = new Map<RoomId, number>();
  /** What is known of rooms that one is in no more. */
  private readonly former = new Map<RoomId, Gone>();
  /** Rooms that were left since they were last asked for. */
  readonly departed = new Set<RoomId>();
  /** Rooms that events came of, before anything said what they are. */
  private readonly unknown = new Set<RoomId>();
  private dirty: Dirty = emptyDirty();

  room(id: RoomId): HeldRoom | undefined {
    return this.summaries.get(id);
  }

  /** The rooms one is a member of, the last to move first. */
  rooms(): readonly HeldRoom[] {
    this.sorted ??= [...this.summaries.values()].filter((room) => room.role !== null).sort(byLastMove);
    return this.sorted;
  }

  timeline(id: RoomId): Timeline | undefined {
    return this.timelines.get(id);
  }

  /** The members, if they were read. */
  membersOf(id: RoomId): ReadonlyMap<UserId, Role> | undefined {
    return this.members.get(id);
  }

  /** How a user is; undefined while nobody told. `[SG4]` */
  presenceOf(user: UserId): Presence | undefined {
    return this.presences.get(user);
  }

  /** How many members of an open room are there, with oneself; undefined while it is not known. */
  presentIn(room: RoomId): number | undefined {
    return this.counts.get(room);
  }

  /** The timeline of a room, made when it is not there; the least used others go. */
  useTimeline(id: RoomId, keep: (room: RoomId) => boolean): Timeline {
    const timeline = this.timelines.get(id) ?? new Timeline(id);
    this.timelines.delete(id);
    this.timelines.set(id, timeline);
    for (const other of this.timelines.keys()) {
      if (this.timelines.size <= TIMELINES_MAX) break;
      if (other !== id && !keep(other)) this.timelines.delete(other);
    }
    return timeline;
  }

  /** Forgets the timelines that nobody follows; what they hold may be of another epoch. */
  dropTimelines(keep: (room: RoomId) => boolean): void {
    for (const id of this.timelines.keys()) if (!keep(id)) this.timelines.delete(id);
  }

  setConnection(state: ConnectionState): void {
    this.connection = state;
    this.topics.touch('connection');
    if (state.phase === 'live') return;
    for (const room of this.typing.clear()) this.topics.touch(`typing:${room}`);
    this.presences.clear();
    this.counts.clear();
    this.topics.touch('presence');
  }

  /** Takes what was stored. */
  restore(me: UserProfile, rooms: RoomSummary[], users: UserProfile[]): void {
    this.me = me;
    for (const room of [...rooms].sort(byTime)) {
      const { moved = 0 } = room as Partial<HeldRoom>;
      this.moves = Math.max(this.moves + 1, moved);
      this.summaries.set(room.id, { ...room, moved: moved || this.moves });
    }
    this.sorted = null;
    this.users.put([...users, me]);
    this.topics.touch('me', 'rooms', 'users');
  }

  /** `[HS2]` With `reset` all that is held is forgotten first. */
  welcome(reset: boolean, welcome: Welcome): void {
    if (reset) {
      for (const [id, { name }] of this.summaries) {
        this.former.set(id, { name, by: null });
        this.topics.touch(`room:${id}`);
      }
      this.summaries.clear();
      this.sorted = null;
      this.members.clear();
      this.dirty = emptyDirty();
    }
    this.me = welcome.me;
    this.limits = welcome.limits;
    this.putUsers([...(welcome.users ?? []), welcome.me]);
    for (const room of [...welcome.rooms].sort(byTime)) this.putRoom(room);
    for (const { room, by } of welcome.left ?? []) this.leave(room, by);
    this.topics.touch('me', 'rooms');
  }

  /** A whole summary replaces what is held, except a marker that is further. `[HS3]` */
  putRoom(room: RoomSummary): void {
    const held = this.summaries.get(room.id);
    this.setRoom(held ? mark(held.head > room.head ? newer(held, room) : room, held.marker) : room);
    if (room.peer) this.users.want(room.peer);
    if (room.last) this.users.want(room.last.actor);
  }

  putUsers(profiles: readonly UserProfile[]): void {
    const changed = this.users.put(profiles);
    if (!changed.length) return;
    for (const { id } of changed) this.dirty.users.add(id);
    this.topics.touch('users');
  }

  putMembers(id: RoomId, members: MemberInfo[]): void {
    this.putUsers(members.map((member) => member.user));
    this.members.set(id, new Map(members.map((member) => [member.user.id, member.role])));
    this.topics.touch(`members:${id}`);
  }

  /** Those who wrote a page, for their names. */
  wantAuthors(messages: readonly Message[]): void {
    for (const message of messages) this.users.want(message.actor);
  }

  /** Applies an event. `open` says that the timeline follows and this is the next one. True when one has left by it. */
  apply(event: Event, open: boolean): boolean {
    if (!isRoomId(event.log)) {
      this.applyOwn(event);
      return false;
    }
    const id = event.log;
    const room = this.summaries.get(id);
    const content = event.content;
    this.users.want(event.actor);
    if (content?.kind === 'member_left' && content.user === this.me?.id) {
      this.departed.add(id);
      // Old news when one has come back since.
      if (room && event.seq > room.head) {
        this.leave(id, event.actor);
        return true;
      }
    }
    if (room && this.me) this.setRoom(follow(room, event, this.me.id));
    if (!room) this.unknown.add(id);
    const members = this.members.get(id);
    if (content?.kind === 'member_joined') {
      this.users.want(content.user);
      members?.set(content.user, content.role);
      this.topics.touch(`members:${id}`);
    } else if (content?.kind === 'role_changed') {
      members?.set(content.user, content.role);
      this.topics.touch(`members:${id}`);
    } else if (content?.kind === 'member_left') {
      members?.delete(content.user);
      this.topics.touch(`members:${id}`);
    } else if (content?.kind === 'message') {
      if (this.typing.put(id, event.actor, false, 0)) this.topics.touch(`typing:${id}`);
    }
    if (open) {
      this.timelines.get(id)?.apply(event);
      this.dirty.tails.add(id);
      this.topics.touch(`timeline:${id}`);
    }
    return false;
  }

  /** Takes summaries and signals. */
  pass(frame: ServerFrame, now: number): void {
    switch (frame.type) {
      case 'rooms':
        for (const head of frame.rooms) {
          const room = this.summaries.get(head.room);
          if (!room || !this.me) continue;
          this.setRoom(move(room, head, this.me.id));
          if (head.last) this.users.want(head.last.actor);
        }
        return;
      case 'room':
        this.putUsers(frame.users ?? []);
        return this.putRoom(frame.room);
      case 'left':
        return this.leave(frame.room, frame.by);
      case 'refused':
        // An open room that is not there (any more).
        if (frame.room && frame.refusal.code === 'not_found') this.leave(frame.room);
        return;
      case 'typing':
        if (this.typing.put(frame.room, frame.user, frame.on, now)) {
          this.users.want(frame.user);
          this.topics.touch(`typing:${frame.room}`);
        }
        return;
      case 'presence':
        for (const { user, status } of frame.users) this.presences.set(user, status);
        this.topics.touch('presence');
        return;
      case 'presence_count':
        this.counts.set(frame.room, frame.count);
        this.topics.touch('presence');
        return;
    }
  }

  /** Only theirs is told from here on; what was known of others, whom no view shows, grows stale. `[SG3]` */
  keepPresences(users: readonly UserId[]): void {
    for (const user of this.presences.keys()) if (!users.includes(user)) this.presences.delete(user);
  }

  /** A room is closed, and no view shows it: nobody tells how many are there any more. */
  forgetCount(room: RoomId): void {
    this.counts.delete(room);
  }

  /** `by` whom, when that was told. */
  leave(id: RoomId, by: UserId | null = null): void {
    const room = this.summaries.get(id);
    if (room) this.former.set(id, { name: room.name, by });
    if (by) this.users.want(by);
    this.departed.add(id);
    this.summaries.delete(id);
    this.sorted = null;
    this.timelines.delete(id);
    this.members.delete(id);
    this.forgetCount(id);
    this.dirty.rooms.delete(id);
    this.dirty.tails.delete(id);
    this.dirty.left.add(id);
    this.topics.touch('rooms', `room:${id}`, `timeline:${id}`);
  }

  /** What is known of a room that one is not in. */
  gone(id: RoomId): Gone {
    return this.former.get(id) ?? { name: null, by: null };
  }

  /** Takes the newest page of a room whose timeline started over from it. */
  readNewest(id: RoomId, page: Messages): void {
    const room = this.summaries.get(id);
    if (room && this.me) this.setRoom(read(room, page, this.me.id));
    this.wantAuthors(page.messages);
    this.touchTimeline(id);
  }

  /** Notes that a timeline changed otherwise than by an event. */
  touchTimeline(id: RoomId): void {
    this.dirty.tails.add(id);
    this.topics.touch(`timeline:${id}`);
  }

  /** What has to be stored; it is given once. */
  takeDirty(): Dirty {
    const dirty = this.dirty;
    this.dirty = emptyDirty();
    return dirty;
  }

  /** What was taken could not be stored: it has to be, with what came since. */
  putDirty(dirty: Dirty): void {
    // A room that was left and came back is stored by its summary.
    for (const id of dirty.left) if (!this.summaries.has(id)) this.dirty.left.add(id);
    for (const id of dirty.rooms) if (this.summaries.has(id)) this.dirty.rooms.add(id);
    for (const id of dirty.users) this.dirty.users.add(id);
    for (const id of dirty.tails) if (this.summaries.has(id)) this.dirty.tails.add(id);
  }

  /** Asks for the summary of a room again, if it is still not known. */
  wantRoom(id: RoomId): void {
    if (!this.summaries.has(id)) this.unknown.add(id);
  }

  /** The rooms whose summaries have to be asked for; they are given once. */
  takeUnknown(): RoomId[] {
    const rooms = [...this.unknown].filter((id) => !this.summaries.has(id));
    this.unknown.clear();
    return rooms;
  }

  /** Whether anything has to be stored. */
  isDirty(): boolean {
    const { rooms, left, users, tails } = this.dirty;
    return rooms.size + left.size + users.size + tails.size > 0;
  }

  private applyOwn(event: Event): void {
    if (event.content?.kind !== 'marker_moved') return;
    const { room: id, seq, count } = event.content;
    const room = this.summaries.get(id);
    if (room) this.setRoom(mark(room, { seq, count }));
  }

  private setRoom(room: RoomSummary): void {
    const held = this.summaries.get(room.id);
    if (held === room) return;
    const moved = held && !hasMoved(held, room) ? held.moved : ++this.moves;
    this.summaries.set(room.id, { ...room, moved });
    this.sorted = null;
    this.dirty.left.delete(room.id);
    this.dirty.rooms.add(room.id);
    this.topics.touch('rooms', `room:${room.id}`);
  }
}

function emptyDirty(): Dirty {
  return { rooms: new Set(), left: new Set(), users: new Set(), tails: new Set() };
}
