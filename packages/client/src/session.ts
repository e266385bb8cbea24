/**
 * The client's end of one stream, as a state machine without I/O: it is told what happened (a
 * frame, a close, a tick) and gives back what to do (connect, send, apply). Read this first.
 * It owns when to connect, where the cursor stands and that each event is applied once, in order;
 * it never holds messages, and never touches a socket, a clock or a disk.
 */

import {
  HEARTBEAT_MS,
  SILENCE_MS_MAX,
  CLOSE,
  isRoomId,
  type ClientFrame,
  type Cursor,
  type Event,
  type RoomId,
  type Seq,
  type ServerFrame,
  type UserId,
  type Welcome,
} from '@tidings/protocol';
import { backoff, passes } from './backoff.ts';
import { RoomFeed } from './room-feed.ts';
import type { TransportName } from './transport.ts';

/** A connection that stood this long was a good one: the back-off starts over. */
const STEADY_MS = 10_000;
/** A handshake or a greeting that takes longer has failed. */
const PATIENCE_MS = 15_000;
/** How long a connection has to prove itself alive after the page returned, or the machine woke. */
const PROOF_MS = 5_000;
/** Over SSE nothing answers a ping: the proof is the stream's own heartbeat. `[SE3]` */
const PROOF_SSE_MS = HEARTBEAT_MS + PROOF_MS;
/** The same, when the browser says that the network is gone. */
const OFFLINE_PROOF_MS = 2_000;
/** How long an answer may take, with nothing heard meanwhile, before one asks whether anybody is there. */
const UNANSWERED_MS = 3_000;
/** Openings over WebSocket that may fail before the next way is tried. */
const FAILED_OPENS_MAX = 2;
/** When a room whose opening failed for now is opened again. */
const OPEN_AGAIN_MS = 5_000;
/** How long the fallback is kept before WebSocket is tried again: soon when it worked before, as after an outage; else
 * longer each time, since each try is a moment without a connection. */
const FALLBACK_SHORT_MS = 15_000;
const FALLBACK_MS = 300_000;
const FALLBACK_MS_MAX = 3_600_000;

export type Phase = 'idle' | 'waiting' | 'connecting' | 'greeting' | 'live' | 'ended';

export interface ConnectionState {
  phase: Phase;
  transport: TransportName | null;
  /** When the next attempt comes, while waiting; a time of `Clock.now`. */
  retryAt: number | null;
  /** Failed attempts in a row. */
  attempt: number;
  /** The last close code, if it ended for good. */
  endedBy: number | null;
}

/** What the driver has to do, in this order. */
export type Effect =
  | { do: 'connect'; transport: TransportName }
  | { do: 'disconnect'; code: number }
  | { do: 'send'; frame: ClientFrame }
  | { do: 'connection'; state: ConnectionState }
  | { do: 'welcome'; reset: boolean; welcome: Welcome }
  /** The next event of its log, or one of a room that is not open. */
  | { do: 'apply'; event: Event; open: boolean }
  /** A command has its answer; with the event, if one came of it. */
  | { do: 'answer'; frame: ServerFrame & { type: 'event' | 'refused' | 'unchanged' } }
  /** Read the room's log after `after`; then `fetched` or `failed`. */
  | { do: 'fetch'; room: RoomId; after: Seq }
  /** Drop the room's timeline and read its newest page; then `loaded` or `failed`. */
  | { do: 'reload'; room: RoomId }
  /** Summaries, signals and news of rooms, to be passed on as they are. */
  | { do: 'pass'; frame: ServerFrame };

export interface SessionOptions {
  /** The ways to connect, the best first. */
  transports: TransportName[];
  cursor: Cursor | null;
  userSeq: Seq | null;
  me: UserId | null;
  /** A number in [0, 1) for the jitter. */
  unit: () => number;
}

export class Session {
  private readonly transports: TransportName[];
  private readonly unit: () => number;
  private readonly feeds = new Map<RoomId, RoomFeed>();
  private effects: Effect[] = [];
  private phase: Phase = 'idle';
  private transport: TransportName | null = null;
  private me: UserId | null;
  private userSeq: Seq | null;
  private cursorHeld: Cursor | null;
  private attempt = 0;
  private failedOpens = 0;
  private fallbackUntil = 0;
  private fallbackMs = FALLBACK_MS;
  private retryAt: number | null = null;
  private endedBy: number | null = null;
  private since = 0;
  private heardAt = 0;
  private pingedAt: number | null = null;
  private deadAt = 0;
  /** It was silent, but so was this machine: it has one more chance to prove itself alive. */
  private proving = false;
  /** Since when an answer is awaited. */
  private awaited: number | null = null;
  /** The best way worked until this outage: it is tried again as soon as the server is there. */
  private bestWorked = false;
  private jitter: number | null = null;
  /** The next event of the own log may stand anywhere. */
  private ownMayJump = true;
  /** The rooms that `hello` named. */
  private greeted: RoomId[] = [];

  constructor(options: SessionOptions) {
    this.transports = options.transports;
    this.unit = options.unit;
    this.cursorHeld = options.cursor;
    this.userSeq = options.userSeq;
    this.me = options.me;
  }

  /** What is to be done; it is given once. */
  take(): Effect[] {
    const effects = this.effects;
    this.effects = [];
    return effects;
  }

  state(): ConnectionState {
    const { phase, transport, retryAt, attempt, endedBy } = this;
    return { phase, transport, retryAt, attempt, endedBy };
  }

  /** From where to resume, and the end of the own user log. */
  place(): { cursor: Cursor | null; userSeq: Seq | null } {
    return { cursor: this.cursorHeld, userSeq: this.userSeq };
  }

  /** Whether all that was sent up to the cursor was applied; only then may the cursor be stored. */
  settled(): boolean {
    for (const feed of this.feeds.values()) if (!feed.settled()) return false;
    return true;
  }

  /** When to call `tick` next. */
  wakeAt(): number | null {
    const times: number[] = [];
    if (this.phase === 'waiting' && this.retryAt !== null) times.push(this.retryAt);
    if (this.phase === 'connecting' || this.phase === 'greeting') {
      times.push(this.since + PATIENCE_MS);
    }
    if (this.phase === 'live') {
      times.push(this.deadAt);
      if (this.pingedAt === null) times.push(this.heardAt + HEARTBEAT_MS);
      if (this.isFallback()) times.push(this.fallbackUntil);
      const doubtful = this.doubtfulAt();
      if (doubtful !== null) times.push(doubtful);
    }
    for (const feed of this.feeds.values()) {
      const at = feed.wakeAt();
      if (at !== null && this.phase === 'live') times.push(at);
    }
    return times.length ? Math.min(...times) : null;
  }

  /** Begins, or begins again after it ended. */
  start(now: number): void {
    if (this.phase !== 'idle' && this.phase !== 'ended') return;
    this.attempt = 0;
    this.endedBy = null;
    this.connect(now);
  }

  /** Ends it from this side. */
  stop(): void {
    if (this.connected()) this.effects.push({ do: 'disconnect', code: CLOSE.normal });
    this.transport = null;
    this.enter('idle');
  }

  /** The network or the page came back: try now, or make sure that the connection lives. `[CL3]` */
  wake(now: number): void {
    if (this.phase === 'waiting') {
      this.attempt = 0;
      this.connect(now);
    } else if (this.phase !== 'live' && this.connected() && now - this.since > PROOF_MS) {
      // Begun on a network that is gone, it may hang for long.
      this.effects.push({ do: 'disconnect', code: CLOSE.normal });
      this.attempt = 0;
      this.connect(now);
    } else if (this.phase === 'live' && now - this.heardAt > PROOF_MS) {
      if (now >= this.deadAt) return this.prove(now);
      this.ping(now);
      this.deadAt = Math.min(this.deadAt, now + this.proof());
    }
  }

  /** The browser says that the network is gone. Maybe not for this server: it has a moment to prove it. */
  offline(now: number): void {
    if (this.phase === 'live') this.doubt(now, OFFLINE_PROOF_MS);
  }

  /** Since when an answer is awaited; null for none. */
  awaits(since: number | null): void {
    this.awaited = since;
  }

  tick(now: number): void {
    const late = now >= this.since + PATIENCE_MS;
    if (this.phase === 'waiting' && this.retryAt !== null && now >= this.retryAt) {
      this.connect(now);
    } else if ((this.phase === 'connecting' || this.phase === 'greeting') && late) {
      this.drop(now, 1006);
    } else if (this.phase === 'live' && now >= this.deadAt) {
      // A machine that slept, or a page that was frozen, heard nothing of a connection that may live.
      const slept = this.pingedAt === null || now >= this.deadAt + PROOF_MS;
      if (slept && !this.proving) this.prove(now);
      else this.drop(now, CLOSE.silent);
    } else if (this.phase === 'live' && this.isFallback() && now >= this.fallbackUntil) {
      // Typing and presence have no other door than the socket. [SG4]
      this.drop(now, CLOSE.restarting);
    } else if (this.phase === 'live') {
      const doubtful = this.doubtfulAt();
      if (doubtful !== null && now >= doubtful) this.doubt(now, PROOF_MS);
      if (this.pingedAt === null && now >= this.heardAt + HEARTBEAT_MS) this.ping(now);
      for (const feed of this.feeds.values()) feed.tick(now, this.effects);
    }
  }

  /** The transport is open: greet. `[HS1]` */
  opened(now: number): void {
    if (this.phase !== 'connecting') return;
    this.since = now;
    this.enter('greeting');
    const hello: ClientFrame = { type: 'hello', follow: 'listed' };
    if (this.cursorHeld !== null) hello.since = this.cursorHeld;
    if (this.userSeq !== null && this.cursorHeld !== null) hello.user_seq = this.userSeq;
    const open = [...this.feeds.values()].map((feed) => feed.asked(now));
    if (open.length) hello.open = open;
    this.greeted = [...this.feeds.keys()];
    this.effects.push({ do: 'send', frame: hello });
  }

  /** Something came that is no frame; it proves that the connection lives. */
  heard(now: number): void {
    this.heardAt = now;
    this.deadAt = now + SILENCE_MS_MAX;
    this.pingedAt = null;
    this.proving = false;
  }

  frame(now: number, frame: ServerFrame): void {
    if (!this.connected()) return;
    this.heard(now);
    switch (frame.type) {
      case 'ready':
      case 'reset':
        return this.welcome(now, frame.type === 'reset', frame);
      case 'event':
        if (frame.txn !== undefined) this.effects.push({ do: 'answer', frame });
        if (frame.answer) return this.answered(now, frame);
        return this.event(now, frame);
      case 'opened': {
        const feed = this.feeds.get(frame.room);
        // Without one the room was left since it was asked for, and joined again before the server came to that. [SB6]
        return feed ? feed.opened(now, frame.from, frame.head, this.effects) : this.close(frame.room);
      }
      case 'refused':
        if (frame.txn !== undefined) this.effects.push({ do: 'answer', frame });
        else if (frame.room !== undefined) this.openRefused(now, frame, frame.room);
        return;
      case 'unchanged':
        this.effects.push({ do: 'answer', frame });
        return;
      case 'left':
        this.feeds.delete(frame.room);
        this.effects.push({ do: 'pass', frame });
        return;
      case 'cursor':
        this.cursorHeld = frame.cursor;
        return;
      case 'reconnect':
        this.jitter = frame.jitter_ms;
        return;
      case 'rooms':
      case 'room':
      case 'typing':
      case 'presence':
        this.effects.push({ do: 'pass', frame });
        return;
      case 'presence_count':
        // One may come that was sent before the server heard that the room was closed.
        if (this.feeds.has(frame.room)) this.effects.push({ do: 'pass', frame });
        return;
      default:
        // `pong`, and types of a later version. [FR2]
        return;
    }
  }

  /** The connection ended by itself. */
  closed(now: number, code: number): void {
    if (!this.connected()) return;
    const opened = this.phase === 'live';
    if (opened) this.failedOpens = 0;
    else this.failedOpens += 1;
    if (opened && now - this.since >= STEADY_MS) this.attempt = 0;
    const jitter = this.jitter;
    this.jitter = null;
    for (const feed of this.feeds.values()) feed.disconnected();
    let delay = backoff(code, this.attempt, this.unit());
    if (delay === null) {
      this.endedBy = code;
      return this.enter('ended');
    }
    // A server that goes away says how wide to spread. [CL2]
    if (jitter !== null) delay = Math.floor(this.unit() * jitter);
    this.attempt += 1;
    this.retryAt = now + delay;
    this.enter('waiting');
  }

  /** Follows a room from what is held of it; `null` when nothing is. `[SB3]` */
  open(now: number, room: RoomId, held: Seq | null): void {
    if (this.feeds.has(room)) return;
    const feed = new RoomFeed(room, held);
    this.feeds.set(room, feed);
    if (this.phase === 'live') {
      this.effects.push({ do: 'send', frame: { type: 'open', ...feed.asked(now) } });
    }
    if (held === null) feed.reload(this.effects);
  }

  /** Back to summaries `[SB6]`; or one has left, as the room's events say: over SSE no `left` comes. */
  close(room: RoomId): void {
    this.feeds.delete(room);
    if (this.phase === 'live') this.effects.push({ do: 'send', frame: { type: 'close', room } });
  }

  /** What is held of a room is of no use: it is read anew. */
  reload(room: RoomId): void {
    this.feeds.get(room)?.reload(this.effects);
  }

  isOpen(room: RoomId): boolean {
    return this.feeds.has(room);
  }

  /** The newest page was read; the log goes on after `head`. False when it is not wanted any more. */
  loaded(now: number, room: RoomId, head: Seq): boolean {
    return this.feeds.get(room)?.loaded(now, head, this.effects) ?? false;
  }

  /** A part of the log was read. */
  fetched(now: number, room: RoomId, events: Event[]): void {
    this.feeds.get(room)?.fetched(now, events, this.effects);
  }

  /** Reading failed; it is asked for again later. */
  failed(now: number, room: RoomId): void {
    this.feeds.get(room)?.failed(now, this.unit());
  }

  /** Sends what is worth nothing later; false when there is no connection. */
  send(frame: ClientFrame): boolean {
    if (this.phase !== 'live') return false;
    this.effects.push({ do: 'send', frame });
    return true;
  }

  private connected(): boolean {
    return this.phase === 'connecting' || this.phase === 'greeting' || this.phase === 'live';
  }

  private enter(phase: Phase): void {
    this.phase = phase;
    if (phase !== 'waiting') this.retryAt = null;
    this.effects.push({ do: 'connection', state: this.state() });
  }

  private connect(now: number): void {
    this.since = now;
    this.transport = this.choose(now);
    this.effects.push({ do: 'connect', transport: this.transport });
    this.enter('connecting');
  }

  /** The best way, unless it failed to open twice; then the ways take turns. */
  private choose(now: number): TransportName {
    const [best = 'ws', next] = this.transports;
    if (next === undefined) return best;
    if (this.failedOpens >= FAILED_OPENS_MAX) {
      return (this.failedOpens - FAILED_OPENS_MAX) % 2 === 0 ? next : best;
    }
    return now < this.fallbackUntil ? next : best;
  }

  private isFallback(): boolean {
    return this.transport !== this.transports[0];
  }

  /** A way worked: when is the best to be tried again? */
  private keepFallback(now: number): void {
    if (this.isFallback()) {
      this.fallbackUntil = now + this.fallbackMs;
      this.fallbackMs = Math.min(FALLBACK_MS_MAX, Math.max(FALLBACK_MS, 2 * this.fallbackMs));
    } else {
      this.fallbackUntil = 0;
      this.fallbackMs = FALLBACK_SHORT_MS;
    }
  }

  /** Ends it from this side and goes on as if it had ended by itself. */
  private drop(now: number, code: number): void {
    this.effects.push({ do: 'disconnect', code });
    this.closed(now, code);
  }

  /** When an answer has taken so long, in silence, that it is to be doubted that one comes. */
  private doubtfulAt(): number | null {
    if (this.awaited === null || this.pingedAt !== null) return null;
    return Math.max(this.awaited, this.heardAt) + UNANSWERED_MS;
  }

  private doubt(now: number, patience: number): void {
    if (this.deadAt <= now + patience) return;
    this.ping(now);
    this.deadAt = now + patience;
  }

  private prove(now: number): void {
    this.proving = true;
    this.ping(now);
    this.deadAt = now + this.proof();
  }

  private proof(): number {
    return this.transport === 'sse' ? PROOF_SSE_MS : PROOF_MS;
  }

  private ping(now: number): void {
    this.pingedAt = now;
    this.effects.push({ do: 'send', frame: { type: 'ping' } });
  }

  private welcome(now: number, reset: boolean, welcome: Welcome): void {
    if (this.phase !== 'greeting') return;
    if (this.me !== null && this.me !== welcome.me.id) {
      // Somebody else signed in here; what is held belongs to another account.
      this.effects.push({ do: 'disconnect', code: CLOSE.normal });
      return this.closed(now, CLOSE.unauthenticated);
    }
    if (this.isFallback() && this.bestWorked) {
      // The server is there again, and most likely so is what worked before. If not, the fallback is next.
      this.bestWorked = false;
      this.failedOpens = FAILED_OPENS_MAX - 1;
      this.effects.push({ do: 'disconnect', code: CLOSE.normal });
      for (const feed of this.feeds.values()) feed.disconnected();
      return this.connect(now);
    }
    this.bestWorked = !this.isFallback();
    this.since = now;
    this.me = welcome.me.id;
    this.keepFallback(now);
    if (reset || this.userSeq === null) this.userSeq = welcome.user_seq;
    this.ownMayJump = true;
    this.cursorHeld = welcome.cursor;
    this.effects.push({ do: 'welcome', reset, welcome });
    for (const { room } of welcome.left ?? []) this.feeds.delete(room);
    if (reset) for (const feed of this.feeds.values()) feed.reload(this.effects);
    this.enter('live');
    this.catchUpWithHello(now);
  }

  /** Tells which rooms were opened and closed between `hello` and its answer. */
  private catchUpWithHello(now: number): void {
    for (const [room, feed] of this.feeds) {
      if (this.greeted.includes(room)) continue;
      this.effects.push({ do: 'send', frame: { type: 'open', ...feed.asked(now) } });
    }
    for (const room of this.greeted) {
      if (!this.feeds.has(room)) this.effects.push({ do: 'send', frame: { type: 'close', room } });
    }
    this.greeted = [];
  }

  private openRefused(now: number, frame: ServerFrame & { type: 'refused' }, room: RoomId): void {
    if (passes(frame.refusal)) {
      this.feeds.get(room)?.openLater(now + (frame.refusal.retry_after_ms ?? OPEN_AGAIN_MS));
      return;
    }
    this.feeds.delete(room);
    this.effects.push({ do: 'pass', frame });
  }

  /** Out of its place it is not applied: it comes in its place, too, if the log is followed. `[CM9]` */
  private answered(now: number, event: Event): void {
    if (isRoomId(event.log)) this.feeds.get(event.log)?.reaches(now, event.seq);
  }

  /** One has left, and what was before it in the room is nothing to wait for: it is not told any more. `[RM5]` `[SB8]` */
  private leavesBehind(feed: RoomFeed, event: Event): boolean {
    const { content } = event;
    return content?.kind === 'member_left' && content.user === this.me && !feed.isNext(event.seq);
  }

  private event(now: number, event: Event): void {
    if (isRoomId(event.log)) {
      const feed = this.feeds.get(event.log);
      if (feed && this.leavesBehind(feed, event)) {
        this.feeds.delete(event.log);
        this.effects.push({ do: 'apply', event, open: false });
      } else if (feed) feed.event(now, event, this.effects);
      else this.effects.push({ do: 'apply', event, open: false });
    } else if (event.log === this.me && event.seq > (this.userSeq ?? 0)) {
      // The own log may start later than it was left: `ready` carries what is missing. [HS4]
      // In the middle of it something was lost, and only a new connection brings it.
      if (event.seq > (this.userSeq ?? 0) + 1 && !this.ownMayJump) return this.drop(now, 1006);
      this.ownMayJump = false;
      this.userSeq = event.seq;
      this.effects.push({ do: 'apply', event, open: false });
    }
  }
}
