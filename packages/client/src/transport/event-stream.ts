/** Reads `text/event-stream` as it comes, in pieces of any size. (WHATWG HTML, server-sent events.) */

export interface StreamEvent {
  id: string | null;
  event: string;
  data: string;
}

export class EventStreamReader {
  /** The line that is not whole yet; joined once, however many pieces it comes in. */
  private parts: string[] = [];
  /** The last line ended with a CR: an LF that follows belongs to it. */
  private afterCr = false;
  private data: string[] = [];
  private event = '';
  private id: string | null = null;

  /** Takes the next piece; gives the events that it completes. */
  push(piece: string): StreamEvent[] {
    const done: StreamEvent[] = [];
    if (piece === '') return done;
    const ends = /[\r\n]/g;
    let from = this.afterCr && piece[0] === '\n' ? 1 : 0;
    this.afterCr = false;
    ends.lastIndex = from;
    for (let end = ends.exec(piece); end; end = ends.exec(piece)) {
      const at = end.index;
      this.parts.push(piece.slice(from, at));
      this.line(this.parts.join(''), done);
      this.parts = [];
      from = at + (piece[at] === '\r' && piece[at + 1] === '\n' ? 2 : 1);
      this.afterCr = piece[at] === '\r' && from === at + 1 && from === piece.length;
      ends.lastIndex = from;
    }
    if (from < piece.length) this.parts.push(piece.slice(from));
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
