interface Channel {
  /** Number of the last transfer sent. */
  sent: number;
  /** All transfers up to this number have ended. */
  completedThrough: number;
  /** Those beyond it that have. */
  readonly completed: Set<number>;
}

/** By other shard: how far the transfers sent there have come. */
export class Channels extends Map<number, Channel> {
  to(shard: number): Channel {
    let channel = this.get(shard);
    if (channel === undefined) {
      channel = { sent: 0, completedThrough: 0, completed: new Set() };
      this.set(shard, channel);
    }
    return channel;
  }

  complete(shard: number, number: number): void {
    const channel = this.to(shard);
    channel.completed.add(number);
    while (channel.completed.delete(channel.completedThrough + 1)) channel.completedThrough += 1;
  }
}
