/**
 * What the user does, on its way to the server: it stores each command before it is shown, hands the
 * session what may go, and takes every answer back to its row. It owns no order and no retries, those
 * are in outbox.ts and marks.ts; what comes of an answer on screen is the store's.
 */

import { COMMANDS_IN_FLIGHT_MAX, isRoomId, type Event, type RoomId, type Seq, type TxnId } from '@tidings/protocol';
import { isFault, passes } from './backoff.ts';
import type { Clock, Random } from './clock.ts';
import type { Keeper } from './keeper.ts';
import type { Marks } from './marks.ts';
import type { Outbox, OutboxCommand, OutboxRow } from './outbox.ts';
import type { ConnectionState, Effect, Session } from './session.ts';
import type { Storage } from './storage.ts';
import type { Store } from './store.ts';
import type { TxnMaker } from './txn.ts';

/** What it works with. */
export interface SenderNeeds {
  outbox: Outbox;
  marks: Marks;
  store: Store;
  session: Session;
  storage: Storage;
  keeper: Keeper;
  clock: Clock;
  random: Random;
  txns: TxnMaker;
  /** The name of this tab among those of the account. */
  tab: string;
  run: () => void;
}

export class Sender {
  private readonly outbox: Outbox;
  private readonly marks: Marks;
  private readonly store: Store;
  private readonly session: Session;
  private readonly storage: Storage;
  private readonly keeper: Keeper;
  private readonly clock: Clock;
  private readonly random: Random;
  private readonly txns: TxnMaker;
  private readonly tab: string;
  private readonly run: () => void;

  constructor(needs: SenderNeeds) {
    this.outbox = needs.outbox;
    this.marks = needs.marks;
    this.store = needs.store;
    this.session = needs.session;
    this.storage = needs.storage;
    this.keeper = needs.keeper;
    this.clock = needs.clock;
    this.random = needs.random;
    this.txns = needs.txns;
    this.tab = needs.tab;
    this.run = needs.run;
  }

  /** Stores a command, then shows and sends it. */
  async put(command: OutboxCommand): Promise<TxnId> {
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
  adopted(rows: OutboxRow[]): void {
    for (const row of rows) this.txns.follow(row.txn);
    this.outbox.add(...rows);
    this.store.topics.touch('stranded');
    for (const row of rows) this.store.topics.touch(`outbox:${row.room}`);
    this.run();
  }

  private save(rows: OutboxRow[]): void {
    void this.storage.commit({ rows }).catch(() => undefined);
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
    this.keeper.rowDone(txn);
    // Shown when it is stored: what somebody saw go away does not come back with the page, nor is it sent then.
    void this.keeper.flush().then(() => {
      this.store.topics.touch(`outbox:${row.room}`, 'stranded');
      this.run();
    });
    this.run();
    return true;
  }

  /** Hands the session what waits and may go now. */
  pump(now: number): void {
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

  /** When something waits no longer, while live. */
  wakeAt(): (number | null)[] {
    const { commands, marks } = this.budget();
    return [this.outbox.wakeAt(commands), this.marks.wakeAt(marks)];
  }

  /** The session ended; what was under way goes again. */
  lost({ phase, endedBy }: ConnectionState, now: number): void {
    if (phase === 'ended' && endedBy !== null && isFault(endedBy)) {
      const failed = this.outbox.faulted();
      const marked = this.marks.faulted();
      if (failed?.length) this.save(failed);
      // Without what may be to blame the next session lasts. [CM10]
      if (failed || marked) this.session.start(now);
    }
    this.outbox.disconnected();
    this.marks.disconnected();
    for (const row of this.outbox.all()) this.store.topics.touch(`outbox:${row.room}`);
  }

  /** The answer to a command or a marker. */
  answered(frame: (Effect & { do: 'answer' })['frame'], now: number): void {
    const txn = frame.txn;
    if (txn === undefined) return;
    if (frame.type === 'refused') {
      this.marks.refused(txn, passes(frame.refusal), now);
      const row = this.outbox.refused(txn, frame.refusal, now, this.random.unit());
      if (!row) return;
      this.store.topics.touch(`outbox:${row.room}`);
      this.save([row]);
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

  /** A timeline came this far; without a head, no more of it will come. */
  landed(room: RoomId, head?: Seq): void {
    if (this.outbox.landed(room, head)) this.store.topics.touch(`outbox:${room}`);
  }

  /** What waits for a room that one is not in any more is given back to its author. */
  strand(): void {
    for (const { txn, room, state, gone } of this.outbox.all()) {
      if (state === 'sent' || gone || this.store.room(room)?.role) continue;
      const row = this.outbox.strand(txn, this.store.gone(room));
      if (row) this.save([row]);
      else this.keeper.rowDone(txn);
      this.store.topics.touch(`outbox:${room}`, 'stranded');
    }
  }
}
