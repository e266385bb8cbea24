/**
 * A refusal in people's words, by its stable code. What the server says is shown only where it is
 * written for people: the words of a parser, of HTTP and of a client's author are not.
 */

/** Codes that tell of the page and the server, not of what somebody did. */
const WORDS: Record<string, string> = {
  bad_request: 'The server does not take this. Change it, or reload the page and try again.',
  bad_frame: 'The server does not take this. Change it, or discard it.',
  method_not_allowed: 'The server does not offer this. Reload the page.',
  foreign_origin: 'The server takes this from its own page only. Open it at its own address.',
  unsupported_media_type: 'The server does not offer this. Reload the page.',
  upgrade_required: 'The server does not offer this. Reload the page.',
  txn_reused: 'This was already sent in another form. Reload the page.',
  too_large: 'This is too long. Shorten it, or send it in parts.',
  internal: 'Something went wrong at the server. Try again; nothing happens twice.',
  unavailable: 'The server cannot do this right now. Try again in a moment.',
};

export function inWords({ code, message, retry_after_ms }: { code: string; message: string; retry_after_ms?: number }): string {
  if (code === 'rate_limited') {
    const seconds = Math.ceil((retry_after_ms ?? 0) / 1000);
    return `That was too often. Try again ${seconds > 1 ? `in ${seconds} seconds` : 'in a moment'}.`;
  }
  return WORDS[code] ?? message;
}
