/**
 * One room on screen: which messages its view shows, with what waits in the outbox on top (their
 * days and groups are arrange.ts). It owns the window over the timeline and the line above what is new;
 * pixels and scrolling are the view's own.
 */

import { overlay, TimelineWindow, type Client, type OutboxRow } from '@tidings/client';
import type { EventId, Marker, Message, RoomId, Seq, TxnId, UserId } from '@tidings/protocol';
import { client, sentence } from './account.svelte.ts';
import { arrange, keyOf, type Item, type Shown } from './arrange.ts';
import { clock } from './browser.ts';
import { hear } from './hear.ts';
import { page } from './page.svelte.ts';
import { inWords } from './refusals.ts';
import { toasts } from './toasts.svelte.ts';

/** How long one has to look before it counts as read. */
const READ_MS = 500;
/** How long one waits for the place where a room opens, before it opens at its end. */
const OPENS_MS_MAX = 10_000;

/** A message, and how far below the upper edge it begins; without that, the line above it is shown. */
export interface Place {
  seq: Seq;
  top: number | null;
}

/** Where one was in rooms that one left above their ends. */
const places = new WeakMap<Client, Map<RoomId, Place>>();

export class Conversation {
  readonly room: RoomId;
  /** Being read at the upper or lower edge. */
  reading = $state<'older' | 'newer' | null>(null);
  /** The first message under the line "New"; null for no line. */
  divider = $state<Seq | null>(null);
  /** The place to be shown next is not there yet; meanwhile what was shown stays. */
  private opening = $state(false);
  private shown: Item[] = [];
  /** Where the view goes next. */
  private target: Place | null = null;
  /** The view is at its end, and goes along with it. */
  atEnd = true;
  /** The first message on screen. */
  here: Place | null = null;
  /** The line stands where it was when the page was last open. */
  private guessed = false;
  private live = false;
  private closed = false;
  /** Between what was read and what is on screen stand messages that were not. */
  gap = $state(false);
  private moves = $state(0);
  private window: TimelineWindow | null = null;
  private markTimer: ReturnType<typeof setTimeout> | undefined;
  private failedUntil = 0;
  private readonly client: Client;
  private readonly stops: (() => void)[];
  /** How far it was on screen, without a gap. */
  private seen: Marker = { seq: 0, count: 0 };

  constructor(room: RoomId) {
    this.room = room;
    this.client = client();
    void this.client.show(room);
    const { topics } = this.client.store;
    this.stops = [
      topics.on(`outbox:${room}`, () => this.tellFailures()),
      topics.on(`timeline:${room}`, () => this.findAgain()),
      topics.on('connection', () => this.revived()),
    ];
    void this.begin();
  }

  /** Ends it, and notes where one was, for when one comes back. */
  close(): void {
    this.closed = true;
    const kept = places.get(this.client) ?? new Map<RoomId, Place>();
    places.set(this.client, kept);
    if (this.here && !this.atEnd) kept.set(this.room, this.here);
    else kept.delete(this.room);
    this.window?.close();
    for (const stop of this.stops) stop();
    clearTimeout(this.markTimer);
  }

  /** Whether there is anything to show yet. */
  loaded(): boolean {
    this.listen();
    return (!this.opening || this.shown.length > 0) && this.head() > 0;
  }

  /** How many messages are unread, and since when, as far as that is held. */
  news(): { count: number; since: number | null } {
    this.listen();
    hear(this.client, `room:${this.room}`);
    const from = this.client.reached(this.room).seq + 1;
    const timeline = this.client.store.timeline(this.room);
    const first = timeline?.stretchAt(from) && timeline.messages()[timeline.indexOf(from)];
    return { count: this.client.unread(this.room), since: first ? Date.parse(first.at) : null };
  }

  /** Where the view has to go, once. */
  takeTarget(): Place | null {
    const { target } = this;
    this.target = null;
    return target;
  }

  /** To the first message that is not read. */
  async toNews(): Promise<void> {
    this.divider = this.client.reached(this.room).seq + 1;
    await this.goTo({ seq: this.divider, top: null });
  }

  /** All of it is read, by one's own word. */
  readAll(): void {
    const room = this.client.store.room(this.room);
    if (room) this.client.mark(this.room, room.head, room.count);
    this.divider = null;
    this.gap = false;
  }

  followsEnd(): boolean {
    this.listen();
    return this.view()?.followsEnd() ?? true;
  }

  atStart(): boolean {
    this.listen();
    return this.view()?.atStart() ?? false;
  }

  items(): Item[] {
    this.listen();
    hear(this.client, `outbox:${this.room}`);
    if (this.opening) return this.shown;
    const me = this.client.store.me?.id;
    if (!me) return [];
    const rows = this.client.outbox.of(this.room);
    const messages = this.view()?.rows() ?? [];
    const shown = messages.map((message) => this.confirmed(message, rows, me));
    if (this.followsEnd()) {
      const held = new Set(messages.map((message) => message.txn));
      for (const row of rows) if (!held.has(row.txn)) shown.push(...this.waiting(row, me));
    }
    return (this.shown = arrange(shown, this.divider));
  }

  /** The newest message that is confirmed and on screen. */
  newest(): Message | null {
    this.listen();
    return this.view()?.rows().at(-1) ?? null;
  }

  async grow(way: 'older' | 'newer'): Promise<void> {
    const view = this.view();
    if (!view || this.reading || clock.now() < this.failedUntil) return;
    this.reading = way;
    try {
      await this.client.grow(this.room, view, way);
    } catch {
      // The edge is still on screen; it asks again in a moment.
      this.failedUntil = clock.now() + 3_000;
    }
    this.reading = null;
    this.moves += 1;
  }

  /** Back to the newest messages. */
  toEnd(): void {
    this.view()?.toEnd();
    this.moves += 1;
  }

  /** The end is on screen and read: old messages may leave at the top. */
  settle(): void {
    this.view()?.settle();
  }

  /** Read far above the end: new messages wait below. */
  hold(): void {
    this.view()?.hold();
  }

  /**
   * From the first to the last of these messages all is on screen, and somebody looks: a moment
   * later it is read, unless something before it never was on screen.
   */
  looksAt(first: Shown, last: Shown): void {
    const reached = this.client.reached(this.room);
    if (reached.seq > this.seen.seq) this.seen = reached;
    this.gap = (first.count ?? 0) > this.seen.count + 1;
    if (this.gap || !last.seq || !last.count) return;
    if (last.seq > this.seen.seq) this.seen = { seq: last.seq, count: last.count };
    if (this.seen.seq <= reached.seq) return;
    this.markTimer ??= setTimeout(() => {
      this.markTimer = undefined;
      if (page.attended) this.client.mark(this.room, this.seen.seq, this.seen.count);
    }, READ_MS);
  }

  looksAway(): void {
    clearTimeout(this.markTimer);
    this.markTimer = undefined;
  }

  /** A message came while nobody looked: the line goes above it. */
  missed(seq: Seq): void {
    const read = this.client.store.room(this.room)?.marker.seq ?? 0;
    if (this.divider === null || this.divider <= read) this.divider = Math.min(seq, read + 1);
  }

  /** The last of one's own messages that can be edited. */
  lastOwn(): Shown | null {
    const items = this.items().filter((item) => item.kind === 'message');
    return items.findLast((item) => item.own && item.id !== null && item.text !== null) ?? null;
  }

  send(text: string): void {
    this.divider = null;
    this.gap = false;
    this.opening = false;
    if (!this.followsEnd()) this.toEnd();
    void this.client.send(this.room, text);
  }

  /** A message that was not sent goes anew; false when it was sent meanwhile. */
  rewrite(txn: TxnId, text: string): boolean {
    if (!this.client.discard(txn)) return false;
    this.send(text);
    return true;
  }

  edit(id: EventId, text: string): void {
    void this.client.edit(this.room, id, text);
  }

  delete(id: EventId): void {
    void this.client.delete(this.room, id);
  }

  react(id: EventId, emoji: string, on: boolean): void {
    void this.client.react(this.room, id, emoji, on);
  }

  retry(txn: TxnId): void {
    void this.client.retry(txn);
  }

  discard(txn: TxnId): void {
    this.client.discard(txn);
  }

  typing(on: boolean): void {
    this.client.typing(this.room, on);
  }

  /** Who types here, without oneself. */
  typists(): UserId[] {
    hear(this.client, `typing:${this.room}`);
    const me = this.client.store.me?.id;
    return this.client.store.typing.of(this.room).filter((user) => user !== me);
  }

  /** How many members are online or away, with oneself; undefined while it is not known. */
  present(): number | undefined {
    hear(this.client, 'presence');
    return this.client.store.presentIn(this.room);
  }

  private head(): Seq {
    return this.client.store.timeline(this.room)?.head ?? 0;
  }

  /** Opens at the first message that is not read; without one where one was, or at the end. */
  private async begin(): Promise<void> {
    this.live = this.client.store.connection.phase === 'live';
    const unread = this.client.unread(this.room) > 0;
    if (unread && this.live) return this.catchUp();
    // What is stored may be old: the place or the end is shown, until the server says what was read.
    if (unread) this.divider = this.client.reached(this.room).seq + 1;
    const place = places.get(this.client)?.get(this.room);
    if (!place) {
      this.guessed = unread;
      return;
    }
    this.opening = true;
    await this.reaches(1);
    await this.goTo(place);
  }

  /** The connection is back: what came meanwhile is shown from its first message on. */
  private revived(): void {
    const live = this.client.store.connection.phase === 'live';
    const back = live && !this.live;
    this.live = live;
    const behind = this.head() < (this.client.store.room(this.room)?.head ?? 0);
    // A guess is put right wherever it led: what was stored may not know what was read last.
    const due = this.guessed || (this.atEnd && behind);
    if (back && due && !this.opening) void this.catchUp();
  }

  private async catchUp(): Promise<void> {
    this.opening = true;
    await this.reaches(this.client.store.room(this.room)?.head ?? 0);
    if (this.client.unread(this.room) > 0) await this.toNews();
    else if (this.guessed) this.divider = null;
    this.guessed = false;
    this.opening = false;
  }

  /** The timeline reaches this far, or takes too long to. */
  private reaches(seq: Seq): Promise<void> {
    return new Promise((done) => {
      const look = () => {
        if (this.head() < seq && page.online && !this.closed) return;
        clearTimeout(late);
        stop();
        done();
      };
      const late = setTimeout(() => {
        stop();
        done();
      }, OPENS_MS_MAX);
      const stop = this.client.store.topics.on(`timeline:${this.room}`, look);
      look();
    });
  }

  /** Shows a place of the log; where it cannot be had, what there is. */
  private async goTo(place: Place): Promise<void> {
    const view = this.view();
    if (view && !this.closed) {
      this.opening = true;
      const late = new Promise((done) => setTimeout(done, OPENS_MS_MAX));
      await Promise.race([this.client.grow(this.room, view, place.seq).catch(() => undefined), late]);
      if (view.lost() !== null) view.toEnd();
      this.target = place;
    }
    this.opening = false;
    this.moves += 1;
  }

  /** What was on screen went when the room was read anew. */
  private findAgain(): void {
    const lost = this.opening ? null : (this.window?.lost() ?? null);
    if (lost !== null) void this.goTo({ seq: lost, top: 0 });
  }

  private listen(): void {
    hear(this.client, `timeline:${this.room}`);
    void this.moves;
  }

  /** The window; made anew when the timeline was, as after leaving and coming back. */
  private view(): TimelineWindow | null {
    const timeline = this.client.store.timeline(this.room);
    if (!timeline) return null;
    if (this.window?.of(timeline)) return this.window;
    this.window?.close();
    return (this.window = new TimelineWindow(timeline));
  }

  /** Refused reactions have no place of their own: they are told and given up. */
  private tellFailures(): void {
    for (const row of this.client.outbox.of(this.room)) {
      const small = row.command.type === 'react' || row.command.type === 'unreact';
      if (row.state !== 'failed' || !small) continue;
      toasts.show(sentenceOf(row));
      this.discard(row.txn);
    }
  }

  private confirmed(message: Message, rows: readonly OutboxRow[], me: UserId): Shown {
    const seen = rows.length ? overlay(message, rows, me) : message;
    const failed = rows.find(
      ({ state, command }) =>
        state === 'failed' && 'message' in command && command.message === message.id,
    );
    return {
      kind: 'message',
      key: keyOf(message.txn, message.id),
      id: message.id,
      seq: message.seq,
      actor: message.actor,
      own: message.actor === me,
      at: Date.parse(message.at),
      count: message.count,
      text: seen.text,
      edited: seen.edited !== undefined,
      reactions: seen.reactions,
      first: true,
      last: true,
      pending: null,
      failed: failed ?? null,
    };
  }

  private waiting(row: OutboxRow, me: UserId): Shown[] {
    if (row.command.type !== 'send') return [];
    return [
      {
        kind: 'message',
        key: keyOf(row.txn, ''),
        id: null,
        seq: null,
        actor: me,
        own: true,
        at: row.created,
        count: null,
        text: row.command.content.text,
        edited: false,
        reactions: undefined,
        first: true,
        last: true,
        pending: row,
        failed: null,
      },
    ];
  }
}

/** What became of a row that was refused. */
export function sentenceOf(row: OutboxRow): string {
  const what = {
    send: 'Not sent.',
    edit: 'Not changed.',
    delete: 'Not deleted.',
    react: 'No reaction added.',
    unreact: 'Reaction not removed.',
  }[row.command.type];
  return `${what} ${row.refusal ? inWords(row.refusal) : sentence(null)}`;
}
