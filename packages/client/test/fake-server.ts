/**
 * A server in memory, for tests: rooms with logs, commands that happen once for each txn, the
 * stream and the REST answers that the client needs. It follows spec/PROTOCOL.md; where a network
 * may fail is decided by `Faults`, and only there.
 */

import type {
  ClientFrame,
  Command,
  Content,
  Event,
  EventId,
  LogId,
  Marker,
  Message,
  RoomId,
  RoomSummary,
  ServerFrame,
  UserId,
  UserProfile,
  Welcome,
} from '@tidings/protocol';
import { OPEN_REPLAY_EVENTS_MAX } from '@tidings/protocol';
import {
  apply,
  emptyRoom,
  type Clock,
  type Connection,
  type FetchLike,
  type ResponseLike,
  type RoomState,
  type Transport,
  type TransportEvents,
} from '../src/index.ts';

/** What the network does to one frame. */
export interface Faults {
  delayMs(): number;
  /** An event frame vanishes on a living connection. */
  dropsEvent(): boolean;
  /** A frame comes twice. */
  repeats(): boolean;
  /** The connection breaks here. */
  breaks(): boolean;
  /** A REST call fails. */
  failsCall(): boolean;
  /** A command is answered by `unavailable`, though it may have happened. */
  stumbles(): boolean;
}

export const NO_FAULTS: Faults = {
  delayMs: () => 1,
  dropsEvent: () => false,
  repeats: () => false,
  breaks: () => false,
  failsCall: () => false,
  stumbles: () => false,
};

interface Room {
  state: RoomState;
  log: Event[];
}

interface User {
  profile: UserProfile;
  log: Event[];
  markers: Map<RoomId, Marker>;
}

const AT = '2026-11-20T21:00:00.000Z';

export class FakeServer {
  readonly rooms = new Map<RoomId, Room>();
  readonly users = new Map<UserId, User>();
  readonly sessions = new Set<FakeSession>();
  /** Every command that happened: which event came of it. */
  readonly answers = new Map<string, Event>();
  faults: Faults = NO_FAULTS;
  epoch = 1;
  position = 0;
  /** Nothing can be reached. */
  down = false;
  readonly clock: Clock;
  private ids = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  addUser(name: string): UserId {
    const id: UserId = `user_${name}`;
    const profile: UserProfile = {
      id,
      username: name,
      display_name: name,
      kind: 'person',
      role: 'member',
      created_at: AT,
    };
    this.users.set(id, { profile, log: [], markers: new Map() });
    return id;
  }

  addRoom(name: string, members: UserId[]): RoomId {
    const id: RoomId = `room_${name}`;
    const owner = members[0];
    if (!owner) throw new Error('a room has an owner');
    this.rooms.set(id, { state: emptyRoom(id), log: [] });
    const created = { kind: 'room_created', room_kind: 'group', visibility: 'private', name } as const;
    this.append(id, owner, created);
    for (const user of members) {
      this.append(id, owner, { kind: 'member_joined', user, role: user === owner ? 'owner' : 'member' });
    }
    return id;
  }

  room(id: RoomId): Room {
    const room = this.rooms.get(id);
    if (!room) throw new Error(`no room ${id}`);
    return room;
  }

  user(id: UserId): User {
    const user = this.users.get(id);
    if (!user) throw new Error(`no user ${id}`);
    return user;
  }

  /** Commits one event and tells everyone. */
  append(log: LogId, actor: UserId, content: Content, txn?: string): Event {
    const room = this.rooms.get(log as RoomId);
    const entries = room?.log ?? this.user(log as UserId).log;
    const event: Event = {
      shard: 0,
      position: ++this.position,
      log,
      seq: entries.length + 1,
      id: `evt_${String(++this.ids).padStart(6, '0')}`,
      at: AT,
      actor,
      count: (room?.state.count ?? 0) + (content.kind === 'message' ? 1 : 0),
      content,
    };
    if (txn !== undefined) event.txn = txn;
    entries.push(event);
    if (room) {
      apply(room.state, event);
      if (content.kind === 'message') {
        this.user(actor).markers.set(room.state.room, { seq: event.seq, count: event.count });
      }
    }
    if (txn !== undefined) this.answers.set(`${actor} ${log} ${txn}`, event);
    for (const session of [...this.sessions]) session.committed(event);
    return event;
  }

  /** What `happens` comes to no session: open rooms start over at their heads. `[SB5]` */
  passOver(happens: () => void): void {
    const sessions = [...this.sessions];
    this.sessions.clear();
    happens();
    for (const session of sessions) {
      this.sessions.add(session);
      session.startOver();
    }
  }

  /** Decides a command. `[CM2]` */
  decide(actor: UserId, command: Command): ServerFrame {
    const { txn } = command;
    const refused = (code: string): ServerFrame => ({
      type: 'refused',
      txn,
      refusal: { code, message: code },
    });
    if (!('room' in command)) return refused('bad_request');
    const { room: id } = command;
    const room = this.rooms.get(id);
    if (!room?.state.members.has(actor)) return refused('not_found');
    const log: LogId = command.type === 'mark' ? actor : id;
    const known = this.answers.get(`${actor} ${log} ${txn}`);
    if (known) return { type: 'event', ...known };
    const commit = (content: Content): ServerFrame => ({
      type: 'event',
      ...this.append(log, actor, content, txn),
    });
    if (command.type === 'send') return commit({ kind: 'message', text: command.content.text });
    if (command.type === 'mark') {
      const marker = this.user(actor).markers.get(id);
      if (marker && marker.seq >= command.seq) return { type: 'unchanged', txn, log };
      const count = room.log[command.seq - 1]?.count ?? 0;
      this.user(actor).markers.set(id, { seq: command.seq, count });
      return commit({ kind: 'marker_moved', room: id, seq: command.seq, count });
    }
    if (!('message' in command)) return refused('bad_request');
    const message = room.state.messages.get(command.message);
    if (!message) return refused('not_found');
    if (message.deleted !== undefined) {
      return command.type === 'delete' ? { type: 'unchanged', txn, log } : refused('message_deleted');
    }
    const about = { message: message.id, target: message.seq };
    const reacted = (emoji: string) =>
      message.reactions?.find((row) => row.emoji === emoji)?.users.includes(actor) ?? false;
    switch (command.type) {
      case 'edit':
        if (message.actor !== actor) return refused('forbidden');
        return commit({ kind: 'message_edited', ...about, text: command.content.text });
      case 'delete':
        if (message.actor !== actor) return refused('forbidden');
        return commit({ kind: 'message_deleted', ...about });
      case 'react':
        if (reacted(command.emoji)) return { type: 'unchanged', txn, log };
        return commit({ kind: 'reaction_added', ...about, emoji: command.emoji });
      case 'unreact':
        if (!reacted(command.emoji)) return { type: 'unchanged', txn, log };
        return commit({ kind: 'reaction_removed', ...about, emoji: command.emoji });
    }
  }

  summary(id: RoomId, user: UserId): RoomSummary {
    const { state } = this.room(id);
    const last = [...state.messages.values()].at(-1);
    const marker = this.user(user).markers.get(id) ?? { seq: 0, count: 0 };
    const gone = state.gone.filter((seq) => seq > marker.seq);
    return {
      id,
      kind: state.kind ?? 'group',
      visibility: state.visibility ?? 'private',
      name: state.name,
      created_at: AT,
      head: state.head,
      count: state.count,
      members: state.members.size,
      role: state.members.get(user) ?? null,
      marker,
      ...(gone.length > 0 && { gone }),
      last: last
        ? { id: last.id, seq: last.seq, at: last.at, actor: last.actor, text: last.text }
        : null,
    };
  }

  cursor(): string {
    return `${this.epoch}:${this.position}`;
  }

  welcome(user: UserId, since: string | undefined): ServerFrame {
    const [epoch, position] = (since ?? '').split(':').map(Number);
    const reset = since !== undefined && epoch !== this.epoch;
    const from = since === undefined || reset ? 0 : (position ?? 0);
    const mine = [...this.rooms.values()].filter(
      ({ state, log }) => state.members.has(user) && (log.at(-1)?.position ?? 0) > from,
    );
    const left = [...this.rooms.values()].filter(
      ({ state, log }) =>
        !state.members.has(user) &&
        log.some(
          ({ content, position }) => position > from && content?.kind === 'member_left' && content.user === user,
        ),
    );
    const welcome: Welcome = {
      left: left.map(({ state, log }) => {
        const leaving = log.findLast(({ content }) => content?.kind === 'member_left' && content.user === user);
        return { room: state.room, ...(leaving && { by: leaving.actor }) };
      }),
      me: this.user(user).profile,
      rooms: mine.map(({ state }) => this.summary(state.room, user)),
      user_seq: this.user(user).log.length,
      cursor: this.cursor(),
      limits: {
        message_text_bytes_max: 16_384,
        frame_bytes_max: 102_400,
        open_rooms_max: 64,
        commands_in_flight_max: 128,
        heartbeat_ms: 18_000,
      },
    };
    return { type: reset ? 'reset' : 'ready', ...welcome };
  }

  /** Ends every connection. */
  cut(code: number): void {
    for (const session of [...this.sessions]) session.end(code);
  }

  transport(user: UserId): Transport {
    return {
      name: 'ws',
      connect: (events) => new FakeSession(this, user, events),
    };
  }

  /** The REST answers, as `fetch` would bring them. */
  fetch(user: UserId): FetchLike {
    return async (url, request) => {
      await new Promise<void>((done) => this.clock.after(this.faults.delayMs(), done));
      if (this.down || this.faults.failsCall()) throw new TypeError('network');
      const answer = this.route(user, request.method, new URL(url, 'http://server'));
      await new Promise<void>((done) => this.clock.after(this.faults.delayMs(), done));
      if (this.down || this.faults.failsCall()) throw new TypeError('network');
      return answer;
    };
  }

  private route(user: UserId, method: string, url: URL): ResponseLike {
    const [, , , noun, id, part] = url.pathname.split('/');
    const number = (key: string) => {
      const text = url.searchParams.get(key);
      return text === null ? undefined : Number(text);
    };
    if (method === 'GET' && noun === 'users') {
      const ids = url.searchParams.getAll('id') as UserId[];
      return json(200, { users: ids.flatMap((each) => this.users.get(each)?.profile ?? []) });
    }
    const room = noun === 'rooms' ? this.rooms.get(id as RoomId) : undefined;
    if (method !== 'GET' || !room?.state.members.has(user)) return json(404, { code: 'not_found' });
    if (part === undefined) return json(200, { room: this.summary(room.state.room, user) });
    const limit = number('limit') ?? 50;
    const head = room.log.length;
    if (part === 'events') {
      const after = number('after') ?? 0;
      const events = room.log.slice(after, after + limit).map((event) => seenBy(event, user));
      return json(200, { events, head });
    }
    if (part !== 'messages') return json(404, { code: 'not_found' });
    const all: Message[] = [...room.state.messages.values()].map((message) => ({
      ...message,
      room: room.state.room,
    }));
    const before = number('before') ?? head + 1;
    const after = number('after');
    const around = number('around');
    const from = all.filter((message) => message.seq < before && message.seq > (after ?? 0));
    const middle = Math.max(0, all.findIndex((message) => message.seq >= (around ?? 0)) - Math.floor(limit / 2));
    const newest = after === undefined ? from.slice(-limit) : from.slice(0, limit);
    const messages = around === undefined ? newest : all.slice(middle, middle + limit);
    const first = messages[0]?.seq ?? 0;
    const last = messages.at(-1)?.seq ?? head;
    return json(200, {
      messages,
      head,
      more_before: all.some((message) => message.seq < first),
      more_after: all.some((message) => message.seq > last),
    });
  }

  /** The message ids of a room, for tests that pick one. */
  messageIds(id: RoomId): EventId[] {
    return [...this.room(id).state.messages.keys()];
  }
}

function json(status: number, body: unknown): ResponseLike {
  return {
    ok: status < 400,
    status,
    headers: { get: () => null },
    body: null,
    json: async () => JSON.parse(JSON.stringify(body)) as unknown,
  };
}

/** `txn` is only on copies for the actor's own devices. `[EV4]` */
function seenBy(event: Event, user: UserId): Event {
  if (event.actor === user) return event;
  const { txn: _txn, ...rest } = event;
  return rest;
}

/** One connection of one user. */
export class FakeSession implements Connection {
  private readonly server: FakeServer;
  private readonly user: UserId;
  private readonly events: TransportEvents;
  /** What was sent of each open room. */
  private readonly open = new Map<RoomId, number>();
  private greeted = false;
  private over = false;
  /** Frames keep their order on the way. */
  private downAt = 0;
  private upAt = 0;

  constructor(server: FakeServer, user: UserId, events: TransportEvents) {
    this.server = server;
    this.user = user;
    this.events = events;
    server.clock.after(server.faults.delayMs(), () => {
      if (this.over) return;
      if (server.down) return this.end(1006);
      server.sessions.add(this);
      events.opened();
    });
  }

  send(frame: ClientFrame): void {
    const { server } = this;
    this.upAt = Math.max(this.upAt, server.clock.now() + server.faults.delayMs());
    server.clock.after(this.upAt - server.clock.now(), () => {
      if (this.over || server.down) return;
      if (server.faults.breaks()) return this.end(1006);
      this.heard(frame);
      if (server.faults.repeats() && 'txn' in frame) this.heard(frame);
    });
  }

  belongsTo(user: UserId): boolean {
    return this.user === user;
  }

  close(): void {
    this.over = true;
    this.server.sessions.delete(this);
  }

  end(code: number): void {
    if (this.over) return;
    this.close();
    this.events.closed(code);
  }

  /** A new event, by the rules of listed and open rooms. `[SB1]` */
  committed(event: Event): void {
    if (!this.greeted) return;
    if (event.log === this.user) {
      this.tell({ type: 'event', ...event });
    } else {
      const room = this.server.rooms.get(event.log as RoomId);
      const { content } = event;
      if (room && content?.kind === 'member_left' && content.user === this.user) {
        // The last that is heard of the room. [SB8]
        if (this.open.delete(room.state.room)) this.tell({ type: 'event', ...seenBy(event, this.user) });
        this.tell({ type: 'left', room: room.state.room });
        return;
      }
      if (!room?.state.members.has(this.user)) return;
      const sent = this.open.get(room.state.room);
      if (sent === undefined) {
        const { id, head, count, last } = this.server.summary(room.state.room, this.user);
        const { gone } = room.state;
        const more = { ...(last && { last }), ...(gone.length > 0 && { gone }) };
        this.tell({ type: 'rooms', rooms: [{ room: id, head, count, ...more }] });
      } else {
        this.open.set(room.state.room, event.seq);
        this.tell({ type: 'event', ...seenBy(event, this.user) });
      }
    }
    this.tell({ type: 'cursor', cursor: this.server.cursor() });
  }

  /** It fell too far behind. `[SB5]` */
  startOver(): void {
    for (const room of [...this.open.keys()]) this.opens(room, undefined);
    this.tell({ type: 'cursor', cursor: this.server.cursor() });
  }

  private heard(frame: ClientFrame): void {
    const { server, user } = this;
    switch (frame.type) {
      case 'hello':
        this.greeted = true;
        this.tell(server.welcome(user, frame.since));
        for (const event of server.user(user).log.slice(frame.user_seq ?? Infinity)) {
          this.tell({ type: 'event', ...event });
        }
        for (const room of frame.open ?? []) this.opens(room.room, room.after);
        return;
      case 'open':
        return this.opens(frame.room, frame.after);
      case 'close':
        this.open.delete(frame.room);
        return;
      case 'ping':
        return this.tell({ type: 'pong' });
      case 'typing':
      case 'presence':
      case 'watch':
        return;
      default: {
        if (server.faults.stumbles()) {
          const refusal = { code: 'unavailable', message: 'later' };
          return this.tell({ type: 'refused', txn: frame.txn, refusal });
        }
        const before = server.position;
        const answer = server.decide(user, frame);
        const fresh = answer.type === 'event' && answer.position > before;
        const followed = fresh && (answer.log === user || this.open.has(answer.log as RoomId));
        // Where the session follows the log, the event itself, told already, is the answer.
        if (!followed) this.tell(answer.type === 'event' ? { ...answer, answer: true } : answer);
      }
    }
  }

  private opens(id: RoomId, after: number | undefined): void {
    const { log, state } = this.server.room(id);
    if (!state.members.has(this.user)) {
      return this.tell({ type: 'refused', room: id, refusal: { code: 'not_found', message: 'not found' } });
    }
    const head = log.length;
    const replay = after !== undefined && after <= head && head - after <= OPEN_REPLAY_EVENTS_MAX;
    const from = replay ? after : head;
    this.open.set(id, head);
    this.tell({ type: 'opened', room: id, from, head });
    for (const event of log.slice(from)) this.tell({ type: 'event', ...seenBy(event, this.user) });
  }

  private tell(frame: ServerFrame): void {
    const { server } = this;
    const copy = JSON.parse(JSON.stringify(frame)) as ServerFrame;
    this.downAt = Math.max(this.downAt, server.clock.now() + server.faults.delayMs());
    server.clock.after(this.downAt - server.clock.now(), () => {
      if (this.over || server.down) return;
      if (server.faults.breaks()) return this.end(1006);
      const inRoom = copy.type === 'event' && server.rooms.has(copy.log as RoomId);
      if (inRoom && server.faults.dropsEvent()) return;
      this.events.frame(copy);
      if (!this.over && server.faults.repeats()) this.events.frame(copy);
    });
  }
}
