// A binary heap that can also remove from the middle.

export class Heap<T> {
  readonly #items: T[] = [];
  readonly #positions = new Map<T, number>();
  readonly #less: (a: T, b: T) => boolean;

  constructor(less: (a: T, b: T) => boolean) {
    this.#less = less;
  }

  get size(): number {
    return this.#items.length;
  }

  peek(): T | undefined {
    return this.#items[0];
  }

  push(item: T): void {
    this.#items.push(item);
    this.#rise(this.#items.length - 1, item);
  }

  pop(): T | undefined {
    const first = this.#items[0];
    if (first !== undefined) this.remove(first);
    return first;
  }

  remove(item: T): boolean {
    const at = this.#positions.get(item);
    if (at === undefined) return false;
    this.#positions.delete(item);
    const last = this.#items.pop()!;
    if (last === item) return true;
    this.#sink(at, last);
    this.#rise(this.#positions.get(last)!, last);
    return true;
  }

  #rise(from: number, item: T): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#less(item, this.#items[parent]!)) break;
      this.#set(at, this.#items[parent]!);
      at = parent;
    }
    this.#set(at, item);
  }

  #sink(from: number, item: T): void {
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.#items.length) break;
      const right = child + 1;
      if (right < this.#items.length && this.#less(this.#items[right]!, this.#items[child]!)) {
        child = right;
      }
      if (!this.#less(this.#items[child]!, item)) break;
      this.#set(at, this.#items[child]!);
      at = child;
    }
    this.#set(at, item);
  }

  #set(at: number, item: T): void {
    this.#items[at] = item;
    this.#positions.set(item, at);
  }
}
