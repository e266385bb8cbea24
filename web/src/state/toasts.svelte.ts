/** Short news at the edge of the screen, such as what failed. */

export interface Toast {
  id: number;
  text: string;
}

const SHOWN_MS = 6_000;

class Toasts {
  list = $state.raw<Toast[]>([]);
  private ids = 0;

  show(text: string): void {
    const id = ++this.ids;
    this.list = [...this.list.slice(-2), { id, text }];
    setTimeout(() => this.drop(id), SHOWN_MS);
  }

  drop(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id);
  }
}

export const toasts = new Toasts();
