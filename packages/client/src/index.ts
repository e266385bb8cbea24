/** The TypeScript SDK of Tidings. Start at `Client`; to read the code, start at session.ts. */

export * from '@tidings/protocol';
export { backoff, backoffMax } from './backoff.ts';
export { Client, type ClientOptions } from './client.ts';
export type { Clock, Random } from './clock.ts';
export { connect, Ended, listen, say, type ConnectOptions } from './connect.ts';
export { apply, emptyRoom, type Folded, type MessageState, type RoomState } from './fold.ts';
export { NoLocks, type Locks } from './locks.ts';
export { Outbox, type Gone, type OutboxCommand, type OutboxRow } from './outbox.ts';
export { overlay } from './overlay.ts';
export * from './rest.ts';
export { byLastMove, newer, unread, type HeldRoom } from './rooms.ts';
export { Session, type ConnectionState, type Effect, type Phase } from './session.ts';
export { MemoryStorage, type Batch, type Draft, type Place, type Saved, type Storage } from './storage.ts';
export { Store } from './store.ts';
export { Timeline, type Stretch, type Tail } from './timeline.ts';
export { Topics, type Topic } from './topics.ts';
export type { Connection, Transport, TransportEvents, TransportName } from './transport.ts';
export { SseTransport } from './transport/sse.ts';
export { WebSocketTransport, type MakeSocket, type SocketLike } from './transport/websocket.ts';
export { TxnMaker } from './txn.ts';
export { TimelineWindow } from './window.ts';
