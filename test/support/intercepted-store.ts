/** A store whose every call is shown to the test before it is made and, on demand, after it was answered. */
import type { Store } from '../../src/store/port.ts';

export type Room = 'records' | 'oneTime' | 'artifacts' | 'counters';
/** Called before the store. A promise that it gives back holds the call up; a function is called after the answer. */
export type Watch = (
  room: Room,
  method: string,
  args: readonly unknown[],
) => undefined | (() => void) | Promise<void>;

const ROOMS: readonly Room[] = ['records', 'oneTime', 'artifacts', 'counters'];

export function intercepted(store: Store, watch: Watch): Store {
  const rooms = ROOMS.map((room) => [room, watched(store[room], room, watch)]);
  return {
    ...Object.fromEntries(rooms),
    prepare: () => store.prepare(),
    ping: () => store.ping(),
    sweep: (now: number, limit: number) => store.sweep(now, limit),
    close: () => store.close(),
  } as Store; // every room is the store's own behind a proxy
}

function watched(target: object, room: Room, watch: Watch): object {
  return new Proxy(target, {
    get(owner, name) {
      const method: unknown = Reflect.get(owner, name);
      if (typeof method !== 'function') return method;
      return async (...args: unknown[]) => {
        const reaction = watch(room, String(name), args);
        if (reaction instanceof Promise) await reaction;
        const result: unknown = await method.apply(owner, args);
        if (typeof reaction === 'function') reaction();
        return result;
      };
    },
  });
}
