/**
 * Reads the little markup that messages have: code, links, bold and italic. It gives parts, never
 * HTML; the view makes an element of each, so nothing that somebody wrote can become a tag.
 */

export type Span =
  | { kind: 'text'; text: string }
  | { kind: 'code'; text: string }
  | { kind: 'strong'; text: string }
  | { kind: 'em'; text: string }
  | {
      kind: 'link';
      text: string;
      href: string;
      /** Where it really goes, when what is written does not say it in plain letters. */
      host?: string;
    };

export type Block = { kind: 'lines'; spans: Span[] } | { kind: 'code'; text: string };

/** A fence stands alone on its line; the word after the first names a language. */
const FENCE = '```';
/** What stands inside a line, the first that fits from the left. */
const INSIDE =
  /`([^`\n]+)`|\*\*(?=\S)([^*\n]+?)(?<=\S)\*\*|(?<![\p{L}\p{N}_*])[_*](?=\S)([^_*\n]+?)(?<=\S)[_*](?![\p{L}\p{N}_*])|(https?:\/\/[^\s<>"`]+)/giu;

/** Signs of the sentence that an address does not end with. */
const TAIL = '.,;:!?\'*_~]}';
/** Characters of an address that can be pressed; a longer one is text. */
const ADDRESS_MAX = 2_048;
/** Parts of a message that have a look of their own; each is an element. What follows is plain. */
const PARTS_MAX = 500;

export function blocks(text: string): Block[] {
  const found: Block[] = [];
  const all = text.split('\n');
  let from = 0;
  let open: number | null = null;
  let left = PARTS_MAX;
  for (const [at, line] of all.entries()) {
    if (left <= 0) break;
    if (open === null) {
      if (line.startsWith(FENCE) && !line.slice(FENCE.length).includes('`')) open = at;
    } else if (line.trimEnd() === FENCE) {
      left -= lines(all.slice(from, open), found, left);
      const code = all.slice(open + 1, at).join('\n');
      left -= 1;
      if (code.trim()) found.push({ kind: 'code', text: code });
      from = at + 1;
      open = null;
    }
  }
  // A fence that nobody closed is what it looks like.
  lines(all.slice(from), found, left);
  return found;
}

/** Adds lines with at most `most` parts that are more than text; gives how many there are. */
function lines(some: readonly string[], found: Block[], most: number): number {
  // Never /\s+$/: it starts again at each of a long run of spaces.
  const text = some.join('\n').replace(/^\n+/, '').trimEnd();
  if (!text) return 0;
  const read = spans(text, most);
  found.push({ kind: 'lines', spans: read });
  return read.filter(({ kind }) => kind !== 'text').length;
}

export function spans(text: string, most = PARTS_MAX): Span[] {
  const found: Span[] = [];
  let from = 0;
  let parts = 0;
  for (const match of text.matchAll(INSIDE)) {
    if (parts >= most) break;
    const [whole, code, strong, em, link] = match;
    let length = whole.length;
    let span: Span | null = null;
    if (code !== undefined) span = { kind: 'code', text: code };
    else if (strong !== undefined) span = { kind: 'strong', text: strong };
    else if (em !== undefined) span = { kind: 'em', text: em };
    else if (link !== undefined) {
      const address = withoutTail(link);
      length = address.length;
      span = length <= ADDRESS_MAX ? linked(address) : null;
    }
    if (!span) continue;
    if (match.index > from) found.push({ kind: 'text', text: text.slice(from, match.index) });
    found.push(span);
    parts += 1;
    from = match.index + length;
  }
  if (from < text.length) found.push({ kind: 'text', text: text.slice(from) });
  return found;
}

/** The sentence's own signs after an address do not belong to it; a bracket that it opened does. */
function withoutTail(address: string): string {
  let end = address.length;
  // Closing brackets that nothing in the address opened; counted once, or a run of them costs its square.
  let unopened = 0;
  for (const sign of address) unopened += sign === ')' ? 1 : sign === '(' ? -1 : 0;
  for (; end > 0; end--) {
    const last = address.charAt(end - 1);
    if (TAIL.includes(last)) continue;
    if (last !== ')' || unopened <= 0) break;
    unopened -= 1;
  }
  return address.slice(0, end);
}

/** What shows nothing or turns the direction: an address with it does not read as it goes. */
const HIDDEN = /[\p{Bidi_Control}\p{Default_Ignorable_Code_Point}\p{Cc}\p{Zl}\p{Zp}]/u;
/** Joiners of words and of emoji, which an address may need after its host. */
const JOINERS = /[\u200c\u200d\ufe0f]/g;
/** The part of an address between the scheme and the first sign that ends it, as browsers read it. */
const AUTHORITY = /^https?:\/\/([^/\\?#]*)/i;

/**
 * An address as something to press, if it leads where a reader thinks: only to the web, with no user
 * in front of the host, which would look like the host, and with nothing hidden in it. A host that
 * is not written in plain letters (`аpple.com` in Cyrillic, `0x7f.1`) is told as it really is.
 */
function linked(address: string): Span | null {
  const written = AUTHORITY.exec(address)?.[1] ?? '';
  const path = address.slice(address.indexOf(written) + written.length);
  if (written.includes('@') || HIDDEN.test(written + path.replace(JOINERS, ''))) return null;
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    return null;
  }
  const { href, hostname } = url;
  const span: Span = { kind: 'link', text: address, href };
  const plain = written.toLowerCase().replace(/:\d*$/, '') === hostname;
  return plain ? span : { ...span, host: hostname };
}

const EMOJI_ONLY =
  /^(?:(?:\p{Extended_Pictographic}|\p{Regional_Indicator}{2})(?:\uFE0F|\p{Emoji_Modifier}|\u200D\p{Extended_Pictographic})*\s*){1,3}$/u;

/** One to three emoji and nothing else: shown large. */
export function isEmojiOnly(text: string): boolean {
  return text.length <= 64 && EMOJI_ONLY.test(text.trim());
}
