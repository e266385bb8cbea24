/** Groups of frames that the schemas have no name for. */

import type { ClientFrame, ClientHelloFrame, TxnId } from './generated/types.ts';

/** The first frame of a session. `[HS1]` */
export type Hello = ClientHelloFrame;

/** What has a `txn` and gets an answer. `[CM2]` */
export type Command = Extract<ClientFrame, { txn: TxnId }>;
