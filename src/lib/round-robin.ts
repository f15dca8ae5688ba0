/**
 * Takes up to `count` items, one of each lane in turn, in the given order within a lane. `room` says how many more a
 * lane may have; without it a lane is bounded by `count` alone.
 */
export function roundRobin<T>(
  items: readonly T[],
  laneOf: (item: T) => string,
  count: number,
  room: (lane: string) => number = () => count,
): T[] {
  const lanes = new Map<string, T[]>();
  for (const item of items) {
    const lane = laneOf(item);
    const queue = lanes.get(lane);
    if (!queue) lanes.set(lane, room(lane) > 0 ? [item] : []);
    else if (queue.length < room(lane)) queue.push(item);
  }
  const taken: T[] = [];
  for (let turn = 0; taken.length < count; turn += 1) {
    const before = taken.length;
    for (const queue of lanes.values()) {
      const item = queue[turn];
      if (item !== undefined && taken.length < count) taken.push(item);
    }
    if (taken.length === before) break;
  }
  return taken;
}
