/**
 * The composers of all rooms: what is being written stays while one looks elsewhere, and is stored
 * a moment after each change. What may follow what is composing.ts.
 * A page that is left has no time to wait for its database: what is not stored yet goes into local
 * storage, which takes it at once, and from there into the database the next time.
 */

import type { Client } from '@tidings/client';
import type { RoomId } from '@tidings/protocol';
import { client, DRAFT_KEY } from './account.svelte.ts';
import * as composing from './composing.ts';

/** How long keys are gathered before the draft is stored. */
const GATHER_MS = 400;

const composers = new WeakMap<Client, Map<RoomId, Composer>>();

export class Composer {
  private state = $state.raw<composing.Composing>(composing.NOTHING);
  private readonly room: RoomId;
  private readonly client: Client;
  private loaded = false;
  private dirty = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(room: RoomId, client: Client) {
    this.room = room;
    this.client = client;
    const left = localStorage.getItem(this.key());
    void client.draft(room).then((stored) => {
      this.loaded = true;
      this.state = composing.loaded(this.state, left === null ? stored : composing.parse(left));
      this.dirty ||= left !== null;
      if (this.dirty) this.gather();
    });
  }

  get text(): string {
    return composing.shown(this.state);
  }

  get change(): composing.Change | null {
    return this.state.change;
  }

  type(text: string): void {
    this.put(composing.typed(this.state, text));
  }

  begin(kind: composing.Change['kind'], id: string, was: string): void {
    this.put(composing.begin(this.state, kind, id, was));
  }

  cancel(): void {
    this.put(composing.cancel(this.state));
  }

  submit(): composing.Deed | null {
    const { next, deed } = composing.submit(this.state);
    this.put(next);
    this.flush();
    return deed;
  }

  putBack(text: string): void {
    this.put(composing.putBack(this.state, text));
  }

  /** Stores what is not stored yet. */
  flush(): void {
    clearTimeout(this.timer);
    if (!this.dirty || !this.loaded) return;
    this.dirty = false;
    const { draft, change } = this.state;
    const key = this.key();
    void this.client
      .putDraft(this.room, draft || change ? this.state : null)
      .then((stored) => stored && localStorage.removeItem(key));
  }

  /** The page may be gone before anything else is stored. */
  leave(): void {
    if (!this.dirty || !this.loaded) return;
    try {
      localStorage.setItem(this.key(), JSON.stringify(this.state));
    } catch {
      // A full disk: the database may still take it.
    }
    this.flush();
  }

  private key(): string {
    return `${DRAFT_KEY}${this.client.store.me?.id}.${this.room}`;
  }

  private put(next: composing.Composing): void {
    if (next === this.state) return;
    this.state = next;
    this.dirty = true;
    this.gather();
  }

  private gather(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(), GATHER_MS);
  }
}

function all(): Map<RoomId, Composer> {
  const held = composers.get(client()) ?? new Map<RoomId, Composer>();
  composers.set(client(), held);
  return held;
}

export function composerOf(room: RoomId): Composer {
  const composer = all().get(room) ?? new Composer(room, client());
  all().set(room, composer);
  return composer;
}

/** The page may go at any moment. */
export function leaveDrafts(): void {
  for (const composer of all().values()) composer.leave();
}
