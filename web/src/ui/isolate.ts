/**
 * Human text inside a sentence of ours, where no element can hold it: a label, a title, a list of
 * names. In the page itself `dir="auto"` or `<bdi>` does this.
 */

/** What is written from right to left, or turns the direction. */
const TURNS = /[\u0590-\u08ff\u200f\u202a-\u202e\ufb1d-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/** The text, so that its direction stays its own (first strong isolate); most texts need nothing. */
export function isolate(text: string): string {
  return TURNS.test(text) ? `\u2068${text}\u2069` : text;
}
