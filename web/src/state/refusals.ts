/**
 * A refusal in people's words, by its stable code. What the server says is shown only where it is
 * written for people: the words of a parser, of HTTP and of a client's author are not.
 */

/** Codes that tell of the page and its requests, not of what somebody did. */
const OF_THE_PAGE =
  /^(bad_(request|frame)|method_not_allowed|foreign_origin|unsupported_media_type|upgrade_required|txn_reused)$/;

interface Refused {
  code: string;
  message: string;
  retry_after_ms?: number;
}

export function inWords({ code, message, retry_after_ms = 0 }: Refused): string {
  const seconds = Math.ceil(retry_after_ms / 1000);
  if (OF_THE_PAGE.test(code)) return 'The server does not take this. Change it, or reload the page.';
  if (code === 'too_large') return 'This is too long. Shorten it, or send it in parts.';
  if (code === 'rate_limited') return `That was too often. Try again in ${Math.max(1, seconds)} s.`;
  if (code === 'internal' || code === 'unavailable') return 'The server cannot do this now. Try again in a moment.';
  return message;
}
