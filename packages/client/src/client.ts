/**
 * The client: one account's session, outbox and store at work. It carries out what the session
 * asks for, with the transport, storage and clock that it was given, and offers what an app does.
 * It decides nothing about order or retries; that is in session.ts, room-feed.ts and outbox.ts.
 */

import {
  COMMANDS_IN_FLIGHT_MAX,
  WATCHED_USERS_MAX,
  isRoomId,
  type Event,
  type EventId,
  type Marker,
  type Messages,
  type Presence,
  type RoomId,
  type RoomSummary,
  type Seq,
  type TxnId,
  type UserId,
} from '@tidings/protocol';
import { isFault, passes } from './backoff.ts';
import type { Clock, Random } from './clock.ts';
import { qualified } from './emoji.ts';
import { Keeper } from './keeper.ts';
import type { Locks } from './locks.ts';
import { Lookups } from './lookups.ts';
import { Marks } from './marks.ts';
import { Outbox, type OutboxCommand, type OutboxRow } from './outbox.ts';
import { Rescue } from './rescue.ts';
import { RefusalError, type Rest } from './rest.ts';
import { unread } from './rooms.ts';
import { Session, type ConnectionState, type Effect } from './session.ts';
import { sound, soundTail, type Draft, type Saved, type Storage } from './storage.ts';
import { Store } from './store.ts';
import { wellFormed } from './text.ts';
import type { Connection, Transport } from './transport.ts';
import { TxnMaker } from './txn.ts';
import { TYPING_RENEW_MS } from './typing.ts';
import type { TimelineWindow } from './window.ts';

/** Rooms followed with every event, unless said otherwise; those left longest ago go back to summaries. */
const OPEN_ROOMS = 6;
const PAGE = 50;
/** Events of one read of the log. */
const FETCH_EVENTS = 200;

export interface ClientOptions {
  rest: Rest;
  /** The best first. */
  transports: Transport[];
  storage: Storage;
  clock: Clock;
  random: Random;
  locks: Locks;
  /** Rooms followed with every event, up to `OPEN_ROOMS_MAX`: those shown last. Six when left out. */
  openRooms?: number;
  /**
   * Told of what failed through nobody's fault outside: a frame that cannot be read, a listener
   * that throws. It costs that frame or that listener, never the client.
   */
  trouble?: (error: unknown) => void;
}

export class Client {
  readonly rest: Rest;
  readonly store = new Store();
  readonly outbox = new Outbox();
  private readonly storage: Storage;
  private readonly clock: Clock;
  private readonly random: Random;
  private readonly openRooms: number;
  private readonly trouble: (error: unknown) => void;
  private readonly transports: Transport[];
  private readonly session: Session;
  private readonly keeper: Keeper;
  private readonly lookups: Lookups;
  private readonly marks = new Marks();
  private readonly txns: TxnMaker;
  /** The name of this tab among those of the account. */
  private readonly tab: string;
  private readonly rescue: Rescue;
  private connection: Connection | null = null;
  private connections = 0;
  private cancelTimer: (() => void) | null = null;
  private opened: RoomId[] = [];
  private presence: Presence = 'online';
  private watched: UserId[] = [];
  private typed: { room: RoomId; at: number } | null = null;
  private running = false;
  private stopped = false;

  private constructor(options: ClientOptions, saved: Saved) {
    this.rest = options.rest;
    this.storage = options.storage;
    this.clock = options.clock;
    this.random = options.random;
    this.openRooms = options.openRooms ?? OPEN_ROOMS;
    this.trouble = options.trouble ?? (() => undefined);
    this.transports = options.transports;
    this.txns = new TxnMaker(options.clock, options.random);
    // What is written now is sent after what waits, whatever the clock says by now.
    for (const row of saved.rows) this.txns.follow(row.txn);
    this.tab = this.txns.next();
    this.session = new Session({
      transports: options.transports.map((transport) => transport.name),
      cursor: saved.place?.cursor ?? null,
      userSeq: saved.place?.userSeq ?? null,
      me: saved.place?.me.id ?? null,
      unit: () => options.random.unit(),
    });
    this.keeper = new Keeper(options.storage, this.store, this.session, options.clock);
    this.lookups = new Lookups(options.rest, this.store, options.clock, () => this.run());
    if (saved.place) this.store.restore(saved.place.me, saved.rooms, saved.users);
    this.rescue = new Rescue(options.storage, options.locks, this.tab, (rows) => this.adopted(rows));
    this.rescue.adopt(saved.rows);
  }

  /** Reads what is stored; `start` connects. */
  static async open(options: ClientOptions): Promise<Client> {
    try {
      return new Client(options, sound(await options.storage.load()));
    } catch (error) {
      options.trouble?.(error);
      // What cannot be read is not trusted: all is asked for anew, and what waits is looked for later.
      const client = new Client(options, { place: null, rooms: [], users: [], rows: [] });
      client.keeper.forget();
      return client;
    }
  }

  start(): void {
    this.session.start(this.clock.now());
    this.run();
  }

  /** Ends it; what waits in the outbox stays stored. */
  async stop(): Promise<void> {
    this.session.stop();
    this.run();
    this.stopped = true;
    this.cancelTimer?.();
    this.keeper.stop();
    this.lookups.stop();
    await this.keeper.flush();
    this.rescue.stop();
    this.storage.close();
  }

  /** Signs out here: the device is forgotten by the server, everything of it by this machine. */
  async signOut(): Promise<void> {
    await this.rest.signOut().catch((error: unknown) => {
      // A device that is gone already is what was wanted.
      if (!(error instanceof RefusalError && error.status === 401)) throw error;
    });
    await this.wipe();
  }

  /** Forgets everything of the account on this machine. */
  async wipe(): Promise<void> {
    this.session.stop();
    this.run();
    this.stopped = true;
    this.cancelTimer?.();
    this.keeper.stop();
    this.lookups.stop();
    await this.storage.wipe();
    this.rescue.stop();
    this.storage.close();
  }

  /** The network or the page is back. */
  wake(): void {
    const now = this.clock.now();
    this.session.wake(now);
    void this.rescue.look(now);
    this.run();
  }

  /** The browser says that the network is gone. */
  offline(): void {
    this.session.offline(this.clock.now());
    this.run();
  }

  /** Stores at once what is still on its way to storage. */
  flush(): Promise<void> {
    return this.keeper.flush();
  }

  // Rooms and timelines.

  /** Follows a room with every event from here on. */
  async show(room: RoomId): Promise<void> {
    this.opened = [...this.opened.filter((other) => other !== room), room];
    const timeline = this.store.useTimeline(room, (other) => this.opened.includes(other));
    if (timeline.head === 0 && !this.session.isOpen(room)) {
      const tail = soundTail(await this.storage.tail(room).catch(() => null));
      if (tail && timeline.head === 0 && !this.session.isOpen(room)) {
        timeline.restore(tail);
        this.store.wantAuthors(tail.messages);
        this.store.touchTimeline(room);
      }
    }
    if (this.stopped || !this.opened.includes(room)) return;
    this.session.open(this.clock.now(), room, timeline.head || null);
    for (const other of this.opened.splice(0, this.opened.length - this.openRooms)) {
      this.session.close(other);
      this.store.forgetCount(other);
      this.landed(other);
    }
    this.run();
  }

  /** Lets a window reach further, or go to a place; resolves when it did, or when there is nothing more. */
  async grow(room: RoomId, window: TimelineWindow, way: 'older' | 'newer' | Seq): Promise<void> {
    const step = () => (typeof way === 'number' ? window.around(way) : window[way]());
    for (let tries = 0; tries < 3; tries++) {
      const edge = step();
      if (!('read' in edge)) return;
      const page = await this.rest.messages(room, edge.read);
      const timeline = this.store.timeline(room);
      if (!timeline) return;
      this.store.wantAuthors(page.messages);
      if (!timeline.page(edge.read, page)) continue;
      step();
      this.store.touchTimeline(room);
      this.run();
      return;
    }
  }

  /** How many messages of a room are unread, with the marker that is on its way. */
  unread(id: RoomId): number {
    const room = this.store.room(id);
    return room ? unread(room, this.marks.pending(id)) : 0;
  }

  /** How far the user has read a room, with the marker that is on its way. */
  reached(id: RoomId): Marker {
    const ahead = this.marks.pending(id);
    const marker = this.store.room(id)?.marker ?? { seq: 0, count: 0 };
    return ahead && ahead.seq > marker.seq ? { seq: ahead.seq, count: ahead.count } : marker;
  }

  /** The user has read a room up to here. */
  mark(id: RoomId, seq: Seq, count: number): void {
    const room = this.store.room(id);
    if (!room || room.role === null || room.marker.seq >= seq) return;
    if (!this.marks.want(id, seq, count, this.txns.next())) return;
    this.store.topics.touch('rooms', `room:${id}`);
    this.run();
  }

  /** Reads who is in a room. */
  readMembers(room: RoomId): Promise<void> {
    return this.lookups.members(room);
  }

  /** Makes the answer of a REST call known without waiting for the stream. */
  learn(change: (store: Store) => void): void {
    change(this.store);
    this.run();
  }

  /** The profile of a user; it is asked for when it is missing. */
  user(id: UserId) {
    const profile = this.store.users.get(id);
    if (!profile && this.store.users.want(id)) this.lookups.look();
    return profile;
  }

  // What the user does. Each is stored before it is shown.

  send(room: RoomId, text: string): Promise<TxnId> {
    const content = { kind: 'text', text: wellFormed(text) } as const;
    return this.put({ type: 'send', txn: this.txns.next(), room, content });
  }

  edit(room: RoomId, message: EventId, text: string): Promise<TxnId> {
    const content = { kind: 'text', text: wellFormed(text) } as const;
    return this.put({ type: 'edit', txn: this.txns.next(), room, message, content });
  }

  delete(room: RoomId, message: EventId): Promise<TxnId> {
    return this.put({ type: 'delete', txn: this.txns.next(), room, message });
  }

  react(room: RoomId, message: EventId, emoji: string, on: boolean): Promise<TxnId> {
    const type = on ? 'react' : 'unreact';
    // In the form that the server keeps, so that it meets what is there already. [LI2]
    const kept = qualified(emoji) ?? emoji;
    return this.put({ type, txn: this.txns.next(), room, message, emoji: kept });
  }

  /** Tries a failed one again. */
  async retry(txn: TxnId): Promise<void> {
    const row = this.outbox.retry(txn);
    if (row) await this.keep(row);
  }

  /** Gives a failed or waiting one up; false when it is under way, or has its answer. */
  discard(txn: TxnId): boolean {
    const row = this.outbox.discard(txn);
    if (!row) return false;
    this.store.topics.touch(`outbox:${row.room}`, 'stranded');
    this.keeper.rowDone(txn);
    this.run();
    return true;
  }

  // Signals.

  /** The user types, or has stopped. Renewed at most every few seconds. */
  typing(room: RoomId, on: boolean): void {
    const now = this.clock.now();
    const told = this.typed?.room === room ? this.typed.at : null;
    if (on ? told !== null && now - told < TYPING_RENEW_MS : told === null) return;
    this.typed = on ? { room, at: now } : null;
    this.session.send({ type: 'typing', room, on });
    this.run();
  }

  /** Whether somebody looks at this page. */
  setPresence(presence: Presence): void {
    if (presence === this.presence) return;
    this.presence = presence;
    this.session.send({ type: 'presence', status: presence });
    this.run();
  }

  /** Whose presence is on screen. */
  watch(users: readonly UserId[]): void {
    const list = [...new Set(users)].sort().slice(0, WATCHED_USERS_MAX);
    if (list.join() === this.watched.join()) return;
    this.watched = list;
    this.store.keepPresences(list);
    this.session.send({ type: 'watch', users: list });
    this.run();
  }

  draft(room: RoomId): Promise<Draft | null> {
    return this.storage.draft(room).catch(() => null);
  }

  /** False when it could not be stored. */
  putDraft(room: RoomId, draft: Draft | null): Promise<boolean> {
    return this.storage.putDraft(room, draft).then(
      () => true,
      () => false,
    );
  }

  // The machine.

  /** Carries out everything that is to be done, then sleeps until there is more. */
  private run(): void {
    if (this.running || this.stopped) return;
    this.running = true;
    const now = this.clock.now();
    for (;;) {
      if (this.session.state().phase === 'live') this.pump(now);
      const effects = this.session.take();
      if (!effects.length) break;
      for (const effect of effects) {
        try {
          this.perform(effect, now);
        } catch (error) {
          this.trouble(error);
          // Its timeline may have stopped halfway: it starts over from the newest page.
          if (effect.do === 'apply' && effect.open && isRoomId(effect.event.log)) {
            this.session.reload(effect.event.log);
          }
        }
      }
    }
    this.running = false;
    this.session.awaits(this.outbox.awaits());
    if (this.session.state().phase === 'live') this.strand();
    this.lookups.look();
    this.keeper.nudge();
    this.sleep(now);
    this.store.topics.tell(this.trouble);
  }

  /** Sends what waits and may go now. */
  private pump(now: number): void {
    const { commands, marks } = this.budget();
    for (const frame of this.outbox.due(now, commands)) {
      this.session.send(frame);
      this.store.topics.touch(`outbox:${frame.room}`);
    }
    for (const frame of this.marks.due(now, marks)) this.session.send(frame);
  }

  /** How many may be under way: markers wait rather than messages. `[CM8]` */
  private budget(): { commands: number; marks: number } {
    const most = this.store.limits?.commands_in_flight_max ?? COMMANDS_IN_FLIGHT_MAX;
    const marks = Math.max(1, Math.floor(most / 4));
    return { commands: Math.max(1, most - marks), marks };
  }

  private sleep(now: number): void {
    this.cancelTimer?.();
    this.cancelTimer = null;
    const times = [this.session.wakeAt(), this.store.typing.wakeAt()];
    if (this.session.state().phase === 'live') {
      const { commands, marks } = this.budget();
      times.push(this.outbox.wakeAt(commands), this.marks.wakeAt(marks), this.rescue.wakeAt());
    }
    const next = Math.min(...times.flatMap((time) => time ?? []));
    if (next === Infinity) return;
    this.cancelTimer = this.clock.after(Math.max(0, next - now), () => {
      const woken = this.clock.now();
      for (const room of this.store.typing.expire(woken)) this.store.topics.touch(`typing:${room}`);
      this.session.tick(woken);
      const live = this.session.state().phase === 'live';
      if (live && woken >= this.rescue.wakeAt()) void this.rescue.look(woken);
      this.run();
    });
  }

  private perform(effect: Effect, now: number): void {
    switch (effect.do) {
      case 'connect':
        return this.connect(effect.transport);
      case 'disconnect':
        this.connection?.close(effect.code);
        this.connection = null;
        this.connections += 1;
        return;
      case 'send':
        return this.connection?.send(effect.frame);
      case 'connection':
        if (this.store.connection.phase === 'live') this.lost(effect.state, now);
        return this.store.setConnection(effect.state);
      case 'welcome':
        if (effect.reset) {
          this.keeper.forget();
          this.store.dropTimelines((room) => this.opened.includes(room));
        }
        this.store.welcome(effect.reset, effect.welcome);
        void this.rescue.look(now);
        this.session.send({ type: 'presence', status: this.presence });
        if (this.watched.length) this.session.send({ type: 'watch', users: this.watched });
        return;
      case 'apply':
        return this.apply(effect.event, effect.open);
      case 'answer':
        return this.answered(effect.frame, now);
      case 'fetch':
        return void this.fetch(effect.room, effect.after);
      case 'reload':
        return void this.reload(effect.room);
      case 'pass':
        if (effect.frame.type === 'left') {
          this.left(effect.frame.room);
        } else if (effect.frame.type === 'refused' && effect.frame.room) {
          this.landed(effect.frame.room);
        }
        return this.store.pass(effect.frame, now);
    }
  }

  private connect(name: string): void {
    const id = ++this.connections;
    const current = () => id === this.connections;
    const told = (call: (now: number) => void) => {
      if (!current()) return;
      try {
        call(this.clock.now());
      } catch (error) {
        this.trouble(error);
      }
      this.run();
    };
    const { session } = this;
    const transport = this.transports.find((candidate) => candidate.name === name);
    try {
      this.connection =
        transport?.connect({
          opened: () => told((now) => session.opened(now)),
          frame: (frame) => told((now) => session.frame(now, frame)),
          heard: () => told((now) => session.heard(now)),
          closed: (code) => told((now) => session.closed(now, code)),
        }) ?? null;
    } catch {
      // An address that cannot be: as if nobody had answered.
      this.clock.after(0, () => told((now) => session.closed(now, 1006)));
    }
  }

  private lost({ phase, endedBy }: ConnectionState, now: number): void {
    if (phase === 'ended' && endedBy !== null && isFault(endedBy)) {
      const failed = this.outbox.faulted();
      const marked = this.marks.faulted();
      if (failed?.length) void this.storage.commit({ rows: failed }).catch(() => undefined);
      // Without what may be to blame the next session lasts. [CM10]
      if (failed || marked) this.session.start(now);
    }
    this.outbox.disconnected();
    this.marks.disconnected();
    this.typed = null;
    for (const row of this.outbox.all()) this.store.topics.touch(`outbox:${row.room}`);
  }

  private answered(frame: (Effect & { do: 'answer' })['frame'], now: number): void {
    const txn = frame.txn;
    if (txn === undefined) return;
    if (frame.type === 'refused') {
      this.marks.refused(txn, passes(frame.refusal), now);
      const row = this.outbox.refused(txn, frame.refusal, now, this.random.unit());
      if (!row) return;
      this.store.topics.touch(`outbox:${row.room}`);
      void this.storage.commit({ rows: [row] }).catch(() => undefined);
      return;
    }
    const marked = this.marks.done(txn);
    if (marked) this.store.topics.touch('rooms', `room:${marked}`);
    const row =
      frame.type === 'event' && frame.answer && this.awaits(frame)
        ? this.outbox.lands(txn, frame.seq)
        : this.outbox.done(txn);
    if (!row) return;
    this.keeper.rowDone(txn);
    this.store.topics.touch(`outbox:${row.room}`);
  }

  /** Whether an event is still to come in its place, on screen. */
  private awaits({ log, seq }: Event): boolean {
    if (!isRoomId(log) || !this.session.isOpen(log)) return false;
    return (this.store.timeline(log)?.head ?? 0) < seq;
  }

  private apply(event: Event, open: boolean): void {
    const left = this.store.apply(event, open);
    if (!isRoomId(event.log)) return;
    if (open) this.landed(event.log, event.seq);
    if (!left) return;
    this.session.close(event.log);
    this.left(event.log);
  }

  private left(room: RoomId): void {
    this.marks.forget(room);
    this.landed(room);
  }

  private landed(room: RoomId, head?: Seq): void {
    if (this.outbox.landed(room, head)) this.store.topics.touch(`outbox:${room}`);
  }

  /** What waits for a room that one is not in any more is given back to its author. */
  private strand(): void {
    for (const { txn, room, state, gone } of this.outbox.all()) {
      if (state === 'sent' || gone || this.store.room(room)?.role) continue;
      const row = this.outbox.strand(txn, this.store.gone(room));
      if (row) void this.storage.commit({ rows: [row] }).catch(() => undefined);
      else this.keeper.rowDone(txn);
      this.store.topics.touch(`outbox:${room}`, 'stranded');
    }
  }

  private async fetch(room: RoomId, after: Seq): Promise<void> {
    try {
      const { events } = await this.rest.events(room, after, FETCH_EVENTS);
      this.session.fetched(this.clock.now(), room, events);
    } catch {
      this.session.failed(this.clock.now(), room);
    }
    this.run();
  }

  private async reload(room: RoomId): Promise<void> {
    try {
      const [page, summary] = await this.newest(room);
      if (this.session.loaded(this.clock.now(), room, page.head)) {
        this.store.useTimeline(room, (other) => this.opened.includes(other)).reset(page);
        this.store.putRoom(summary);
        this.store.readNewest(room, page);
        // What the newest page does not hold is of another epoch, or comes again by its own.
        this.landed(room);
      }
    } catch {
      this.session.failed(this.clock.now(), room);
    }
    this.run();
  }

  /** The newest page, and what the room is: no event tells what happened before the page. `[SB4]` */
  private async newest(room: RoomId): Promise<[Messages, RoomSummary]> {
    const page = this.rest.messages(room, { limit: PAGE });
    const [read, summary] = await Promise.all([page, this.rest.room(room)]);
    // Read before the page, it lacks what happened in between.
    return [read, summary.head < read.head ? await this.rest.room(room) : summary];
  }

  /** Stores a command, then shows and sends it. */
  private async put(command: OutboxCommand): Promise<TxnId> {
    const { txn, room } = command;
    await this.keep({
      txn,
      room,
      command,
      state: 'queued',
      attempts: 0,
      created: this.clock.wall(),
      owner: this.tab,
    });
    return txn;
  }

  private async keep(row: OutboxRow): Promise<void> {
    // Where nothing can be stored, sending still works.
    await this.storage.commit({ rows: [row] }).catch(() => undefined);
    this.outbox.add(row);
    this.store.topics.touch(`outbox:${row.room}`);
    this.run();
  }

  /** Rows of a tab that is gone: this one sends them now. */
  private adopted(rows: OutboxRow[]): void {
    for (const row of rows) this.txns.follow(row.txn);
    this.outbox.add(...rows);
    this.store.topics.touch('stranded');
    for (const row of rows) this.store.topics.touch(`outbox:${row.room}`);
    this.run();
  }
}
