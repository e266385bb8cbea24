/**
 * One emoji, in its one form: fully-qualified (UTS #51). `[LI2]` The server folds what comes to it; this is for what a
 * client shows before it is answered. The twin of `crates/protocol/src/name/emoji.rs`; `spec/vectors/texts/emoji.json`
 * pins both.
 */

const SKIN_TONE = /^[\u{1f3fb}-\u{1f3ff}]/u;
const FLAG = /^\p{RI}{2}/u;
const KEYCAP = /^([0-9#*])\ufe0f?\u20e3$/u;
const STYLE = /^[\ufe0e\ufe0f]/u;
const TAGS = /^[\u{e0030}-\u{e0039}\u{e0061}-\u{e007a}]{1,6}\u{e007f}/u;
/** Places that Unicode keeps for emoji to come. */
const RESERVED = /^(?=\p{Cn})[\u{1f000}-\u{1faff}\u{1fc00}-\u{1fffd}]$/u;
const HAIR = /^[\u{1f9b0}-\u{1f9b3}]$/u;
const JOINER = '\u200d';
const BLACK_FLAG = '\u{1f3f4}';

/** The emoji that a text is, fully-qualified; null when it is anything but exactly one. */
export function qualified(text: string): string | null {
  const key = KEYCAP.exec(text)?.[1];
  if (key !== undefined) return `${key}\ufe0f\u20e3`;
  let rest = text;
  let out = '';
  for (;;) {
    const piece = element(rest, out !== '');
    if (!piece) return null;
    out += piece.kept;
    rest = rest.slice(piece.length);
    if (rest === '') return out;
    if (!rest.startsWith(JOINER)) return null;
    out += JOINER;
    rest = rest.slice(JOINER.length);
  }
}

/** One piece between joiners, and how much of the text it is. */
function element(text: string, joined: boolean): { kept: string; length: number } | null {
  const flag = FLAG.exec(text)?.[0];
  if (flag !== undefined) return { kept: flag, length: flag.length };
  const base = String.fromCodePoint(text.codePointAt(0) ?? 0);
  // Hair is no emoji alone, and stands behind a person.
  if (joined && HAIR.test(base)) return { kept: base, length: base.length };
  const reserved = RESERVED.test(base);
  if (!reserved && (!/\p{Emoji}/u.test(base) || /\p{Emoji_Component}/u.test(base))) return null;
  let length = base.length;
  // A style that was asked for says nothing: a reaction is drawn in colour.
  if (STYLE.test(text.slice(length))) length += 1;
  const rest = text.slice(length);
  const tone = reserved || /\p{Emoji_Modifier_Base}/u.test(base) ? SKIN_TONE.exec(rest)?.[0] : undefined;
  if (tone !== undefined) return { kept: base + tone, length: length + tone.length };
  if (!reserved && !/\p{Emoji_Presentation}/u.test(base)) return { kept: `${base}\ufe0f`, length };
  const tags = base === BLACK_FLAG ? (TAGS.exec(rest)?.[0] ?? '') : '';
  return { kept: base + tags, length: length + tags.length };
}
