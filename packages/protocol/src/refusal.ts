/** Refusals: a command's "no", with a stable code and a sentence for people. `[RF1]` */

export type RefusalCode =
  | 'bad_request'
  | 'unauthenticated'
  | 'wrong_credentials'
  | 'forbidden'
  | 'foreign_origin'
  | 'not_found'
  | 'method_not_allowed'
  | 'username_taken'
  | 'txn_reused'
  | 'direct_room'
  | 'last_owner'
  | 'message_deleted'
  | 'invalid_cursor'
  | 'too_large'
  | 'limit_reached'
  | 'rate_limited'
  | 'internal'
  | 'unavailable';

export interface Refusal {
  /** One of `RefusalCode`, or one of a later version. */
  code: RefusalCode | (string & {});
  message: string;
  /** Milliseconds to wait, when waiting helps. */
  retry_after_ms?: number;
}

/** RFC 9457, with our fields. `[RE3]` */
export interface Problem {
  type: string;
  title: string;
  status: number;
  code: string;
  detail?: string;
  request_id?: string;
  retry_after_ms?: number;
}
