/**
 * Text as it may be stored and sent. A text field, a paste or a cut can leave half of a surrogate
 * pair behind; no UTF-8 can hold it, so the server could not even read the frame. `[CM10]`
 * It owns that no such half leaves the client; it never judges length or content.
 */

/** Half of a surrogate pair, alone. */
const HALF = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** The text with U+FFFD in place of each half of a surrogate pair. */
export function wellFormed(text: string): string {
  const { toWellFormed } = text as { toWellFormed?: () => string };
  return toWellFormed ? toWellFormed.call(text) : text.replace(HALF, '\ufffd');
}

/** JSON whose strings are all well-formed, whatever a caller or an old disk brought in. */
export function jsonOf(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => (typeof part === 'string' ? wellFormed(part) : part));
}
