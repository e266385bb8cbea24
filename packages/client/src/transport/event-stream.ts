/** Reads `text/event-stream` as it comes, in pieces of any size. (WHATWG HTML, server-sent events.) */

export interface StreamEvent {
  id: string | null;
  event: string;
  data: string;
}

export class EventStreamReader {
  private rest = '';
  private data: string[] = [];
  private event = '';
  private id: string | null = null;

  /** Takes the next piece; gives the events that it completes. */
  push(piece: string): StreamEvent[] {
    const done: StreamEvent[] = [];
    const text = this.rest + piece;
    const ends = /[\r\n]/g;
    let from = 0;
    for (let end = ends.exec(text); end; end = ends.exec(text)) {
      const at = end.index;
      // A CR at the very end may be the first half of CRLF.
      if (text[at] === '\r' && at + 1 === text.length) break;
      this.line(text.slice(from, at), done);
      from = at + (text[at] === '\r' && text[at + 1] === '\n' ? 2 : 1);
      ends.lastIndex = from;
    }
    this.rest = text.slice(from);
    return done;
  }

  private line(line: string, done: StreamEvent[]): void {
    if (line === '') {
      if (this.data.length) {
        done.push({ id: this.id, event: this.event || 'message', data: this.data.join('\n') });
      }
      this.data = [];
      this.event = '';
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') this.data.push(value);
    else if (field === 'event') this.event = value;
    else if (field === 'id' && !value.includes('\0')) this.id = value;
  }
}
