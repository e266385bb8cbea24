/**
 * One room on screen: which messages its view shows, with what waits in the outbox on top (their
 * days and groups are arrange.ts). It owns the window over the timeline and the line above what is new;
 * pixels and scrolling are the view's own.
 */

import { overlay, TimelineWindow, type Client, type OutboxRow } from '@tidings/client';
import type { EventId, Message, RoomId, Seq, TxnId, UserId } from '@tidings/protocol';
import { client, sentence } from './account.svelte.ts';
import { arrange, keyOf, type Item, type Shown } from './arrange.ts';
import { clock } from './browser.ts';
import { hear } from './hear.ts';
import { page } from './page.svelte.ts';
import { toasts } from './toasts.svelte.ts';

/** How long one has to look before it counts as read. */
const READ_MS = 500;

export class Conversation {
  readonly room: RoomId;
  /** Being read at the upper or lower edge. */
  reading = $state<'older' | 'newer' | null>(null);
  /** The first message under the line "New"; null for no line. */
  divider = $state<Seq | null>(null);
  private moves = $state(0);
  private window: TimelineWindow | null = null;
  private markTimer: ReturnType<typeof setTimeout> | undefined;
  private failedUntil = 0;
  private readonly client: Client;
  private readonly rejected: () => void;

  constructor(room: RoomId) {
    this.room = room;
    this.client = client();
    void this.client.show(room);
    const summary = this.client.store.room(room);
    if (summary && summary.marker.seq > 0 && this.client.unread(room) > 0) {
      this.divider = summary.marker.seq + 1;
    }
    this.rejected = this.client.store.topics.on(`outbox:${room}`, () => this.tellFailures());
  }

  close(): void {
    this.window?.close();
    this.rejected();
    clearTimeout(this.markTimer);
  }

  /** Whether anything was read yet. */
  loaded(): boolean {
    this.listen();
    return (this.client.store.timeline(this.room)?.head ?? 0) > 0;
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
    const me = this.client.store.me?.id;
    if (!me) return [];
    const rows = this.client.outbox.of(this.room);
    const messages = this.view()?.rows() ?? [];
    const shown = messages.map((message) => this.confirmed(message, rows, me));
    if (this.followsEnd()) {
      const held = new Set(messages.map((message) => message.txn));
      for (const row of rows) if (!held.has(row.txn)) shown.push(...this.waiting(row, me));
    }
    return arrange(shown, this.divider);
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

  /** Somebody looks at the end: a moment later it is read. */
  looksAtEnd(): void {
    clearTimeout(this.markTimer);
    this.markTimer = setTimeout(() => {
      const newest = this.client.store.timeline(this.room)?.messages().at(-1);
      if (page.attended && newest) this.client.mark(this.room, newest.seq, newest.count);
    }, READ_MS);
  }

  looksAway(): void {
    clearTimeout(this.markTimer);
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
  return `${what} ${row.refusal?.message ?? sentence(null)}`;
}
