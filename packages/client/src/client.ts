/**
 * The client: one account's session, outbox and store at work. It carries out what the session
 * asks for, with the transport, storage and clock that it was given, and offers what an app does.
 * It decides nothing about order or retries; that is in session.ts, room-feed.ts and outbox.ts. What
 * the user does goes through sender.ts, rooms with every event are open-rooms.ts's.
 */

import {
  isRoomId,
  type Event,
  type EventId,
  type Marker,
  type Presence,
  type RoomId,
  type Seq,
  type TxnId,
  type UserId,
} from '@tidings/protocol';
import type { Clock, Random } from './clock.ts';
import { qualified } from './emoji.ts';
import { Keeper } from './keeper.ts';
import type { Locks } from './locks.ts';
import { Lookups } from './lookups.ts';
import { Marks } from './marks.ts';
import { OpenRooms } from './open-rooms.ts';
import { Outbox } from './outbox.ts';
import { Rescue } from './rescue.ts';
import { RefusalError, type Rest } from './rest.ts';
import { unread } from './rooms.ts';
import { Sender } from './sender.ts';
import { Session, type Effect } from './session.ts';
import { Signals } from './signals.ts';
import { sound, type Draft, type Saved, type Storage } from './storage.ts';
import { Store } from './store.ts';
import { wellFormed } from './text.ts';
import type { Connection, Transport } from './transport.ts';
import { TxnMaker } from './txn.ts';
import type { TimelineWindow } from './window.ts';

/** Rooms followed with every event, unless said otherwise; those left longest ago go back to summaries. */
const OPEN_ROOMS = 6;

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
  private readonly trouble: (error: unknown) => void;
  private readonly transports: Transport[];
  private readonly session: Session;
  private readonly keeper: Keeper;
  private readonly lookups: Lookups;
  private readonly marks = new Marks();
  private readonly txns: TxnMaker;
  private readonly sender: Sender;
  private readonly open: OpenRooms;
  private readonly signals: Signals;
  private readonly rescue: Rescue;
  private connection: Connection | null = null;
  private connections = 0;
  private cancelTimer: (() => void) | null = null;
  private running = false;
  private stopped = false;

  private constructor(options: ClientOptions, saved: Saved) {
    this.rest = options.rest;
    this.storage = options.storage;
    this.clock = options.clock;
    this.trouble = options.trouble ?? (() => undefined);
    this.transports = options.transports;
    this.txns = new TxnMaker(options.clock, options.random);
    // What is written now is sent after what waits, whatever the clock says by now.
    for (const row of saved.rows) this.txns.follow(row.txn);
    const tab = this.txns.next();
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
    const { outbox, marks, store, session, keeper, txns, clock, storage } = this;
    const { rest, random } = options;
    const run = () => this.run();
    this.sender = new Sender({ outbox, marks, store, session, storage, keeper, clock, random, txns, tab, run });
    this.signals = new Signals(session, store);
    this.open = new OpenRooms({
      rest,
      store,
      session,
      storage,
      clock,
      most: options.openRooms ?? OPEN_ROOMS,
      landed: (room) => this.sender.landed(room),
      run,
      stopped: () => this.stopped,
    });
    this.rescue = new Rescue(options.storage, options.locks, tab, (rows) => this.sender.adopted(rows));
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
    this.halt();
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
    this.halt();
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
  show(room: RoomId): Promise<void> {
    return this.open.show(room);
  }

  /** Lets a window reach further, or go to a place; resolves when it did, or when there is nothing more. */
  grow(room: RoomId, window: TimelineWindow, way: 'older' | 'newer' | Seq): Promise<void> {
    return this.open.grow(room, window, way);
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
    return this.sender.put({ type: 'send', txn: this.txns.next(), room, content });
  }

  edit(room: RoomId, message: EventId, text: string): Promise<TxnId> {
    const content = { kind: 'text', text: wellFormed(text) } as const;
    return this.sender.put({ type: 'edit', txn: this.txns.next(), room, message, content });
  }

  delete(room: RoomId, message: EventId): Promise<TxnId> {
    return this.sender.put({ type: 'delete', txn: this.txns.next(), room, message });
  }

  react(room: RoomId, message: EventId, emoji: string, on: boolean): Promise<TxnId> {
    const type = on ? 'react' : 'unreact';
    // In the form that the server keeps, so that it meets what is there already. [LI2]
    const kept = qualified(emoji) ?? emoji;
    return this.sender.put({ type, txn: this.txns.next(), room, message, emoji: kept });
  }

  /** Tries a failed one again. */
  retry(txn: TxnId): Promise<void> {
    return this.sender.retry(txn);
  }

  /** Gives a failed or waiting one up; false when it is under way, or has its answer. */
  discard(txn: TxnId): boolean {
    return this.sender.discard(txn);
  }

  // Signals.

  /** The user types, or has stopped. Renewed at most every few seconds. */
  typing(room: RoomId, on: boolean): void {
    if (this.signals.typing(this.clock.now(), room, on)) this.run();
  }

  /** Whether somebody looks at this page. */
  setPresence(presence: Presence): void {
    if (this.signals.setPresence(presence)) this.run();
  }

  /** Whose presence is on screen. */
  watch(users: readonly UserId[]): void {
    if (this.signals.watch(users)) this.run();
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

  private halt(): void {
    this.session.stop();
    this.run();
    this.stopped = true;
    this.cancelTimer?.();
    this.keeper.stop();
    this.lookups.stop();
  }

  /** Carries out everything that is to be done, then sleeps until there is more. */
  private run(): void {
    if (this.running || this.stopped) return;
    this.running = true;
    const now = this.clock.now();
    for (;;) {
      if (this.session.state().phase === 'live') this.sender.pump(now);
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
    if (this.session.state().phase === 'live') this.sender.strand();
    this.lookups.look();
    this.keeper.nudge();
    this.sleep(now);
    this.store.topics.tell(this.trouble);
  }

  private sleep(now: number): void {
    this.cancelTimer?.();
    this.cancelTimer = null;
    const times = [this.session.wakeAt(), this.store.typing.wakeAt()];
    if (this.session.state().phase === 'live') {
      times.push(...this.sender.wakeAt(), this.rescue.wakeAt());
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
        if (this.store.connection.phase === 'live') {
          this.sender.lost(effect.state, now);
          this.signals.disconnected();
        }
        return this.store.setConnection(effect.state);
      case 'welcome':
        if (effect.reset) {
          this.keeper.forget();
          this.store.dropTimelines((room) => this.open.has(room));
        }
        this.store.welcome(effect.reset, effect.welcome);
        void this.rescue.look(now);
        this.signals.welcomed();
        return;
      case 'apply':
        return this.apply(effect.event, effect.open);
      case 'answer':
        return this.sender.answered(effect.frame, now);
      case 'fetch':
        return void this.open.fetch(effect.room, effect.after);
      case 'reload':
        return void this.open.reload(effect.room);
      case 'pass':
        if (effect.frame.type === 'left') {
          this.left(effect.frame.room);
        } else if (effect.frame.type === 'refused' && effect.frame.room) {
          this.sender.landed(effect.frame.room);
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

  private apply(event: Event, open: boolean): void {
    const left = this.store.apply(event, open);
    if (!isRoomId(event.log)) return;
    if (open) this.sender.landed(event.log, event.seq);
    if (!left) return;
    this.session.close(event.log);
    this.left(event.log);
  }

  private left(room: RoomId): void {
    this.marks.forget(room);
    this.sender.landed(room);
  }
}
